"""What this service says of itself by SCIM 2.0. Source: RFC 7643, 5 to 8."""

from typing import Any, Final

from app.identity.domain.scim import GROUP, USER, ScimBody

MAX_RESULTS: Final = 200
_SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:"
_KEY: Final = {
    "type": "oauthbearertoken",
    "name": "API key",
    "description": "An API key with the permission accounts:provision, as a bearer token.",
    "primary": True,
}


def service_provider(base: str) -> ScimBody:
    unsupported = {"supported": False}
    return {
        "schemas": [f"{_SCHEMA}ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {**unsupported, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": unsupported,
        "sort": unsupported,
        "etag": unsupported,
        "authenticationSchemes": [_KEY],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }


def resource_types(base: str) -> dict[str, ScimBody]:
    return {
        name: {
            "schemas": [f"{_SCHEMA}ResourceType"],
            "id": name,
            "name": name,
            "endpoint": f"/{name}s",
            "schema": schema,
            "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
        }
        for name, schema in (("User", USER), ("Group", GROUP))
    }


def schemas(base: str) -> dict[str, ScimBody]:
    return {
        schema: {
            "schemas": [f"{_SCHEMA}Schema"],
            "id": schema,
            "name": name,
            "description": description,
            "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{schema}"},
        }
        for schema, name, description, attributes in (
            (USER, "User", "An account of a person.", _USER_ATTRIBUTES),
            (GROUP, "Group", "A group whose name in tokens counts for its members alone.", _GROUP_ATTRIBUTES),
        )
    }


def _attribute(name: str, description: str, **changed: Any) -> ScimBody:
    usual = {
        "name": name,
        "type": "string",
        "multiValued": False,
        "description": description,
        "required": False,
        "caseExact": False,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    }
    return usual | changed


def _references(name: str, description: str, kind: str, mutability: str) -> ScimBody:
    """A list of users or groups, by their ids. A member is added or removed, and not changed."""
    fixed = {"mutability": "readOnly" if mutability == "readOnly" else "immutable"}
    parts = [
        _attribute("value", f"The id of the {kind.lower()}.", caseExact=True, **fixed),
        _attribute("$ref", "Its address.", type="reference", referenceTypes=[kind], caseExact=True, **fixed),
    ]
    if mutability == "readOnly":
        parts.append(_attribute("display", f"The name of the {kind.lower()}.", mutability="readOnly"))
    return _attribute(name, description, type="complex", multiValued=True, mutability=mutability, subAttributes=parts)


_USER_ATTRIBUTES: Final = [
    _attribute("userName", "The name of the account.", required=True, uniqueness="server"),
    _attribute("displayName", "The name of the person."),
    _attribute("active", "Whether the person has access.", type="boolean", required=True),
    _references("groups", "The groups of the person.", "Group", "readOnly"),
]
_GROUP_ATTRIBUTES: Final = [
    _attribute("displayName", "The name of the group.", required=True, caseExact=True, uniqueness="server"),
    _references("members", "The users in the group.", "User", "readWrite"),
]
