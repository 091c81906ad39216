"""SCIM 2.0 replies. Source: RFC 7643, 3 and 4; RFC 7644, 3.4.2 and 3.12."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.identity.domain.provisioning import ProvisionedGroup, ProvisionedUser
from app.identity.domain.scim import GROUP, USER, ScimBody

LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"


def user_view(user: ProvisionedUser, base: str) -> ScimBody:
    groups = [{"value": str(key), "display": name, "$ref": f"{base}/Groups/{key}"} for key, name in user.groups.items()]
    body = {
        "schemas": [USER],
        "id": str(user.id),
        "externalId": user.external_id,
        "userName": user.user_name,
        "displayName": user.display_name,
        "active": user.active,
        "groups": groups or None,
        "meta": _meta("User", user, f"{base}/Users/{user.id}"),
    }
    return _present(body)


def group_view(group: ProvisionedGroup, base: str) -> ScimBody:
    members = [{"value": str(key), "$ref": f"{base}/Users/{key}"} for key in group.members]
    body = {
        "schemas": [GROUP],
        "id": str(group.id),
        "externalId": group.external_id,
        "displayName": group.display_name,
        "members": members or None,
        "meta": _meta("Group", group, f"{base}/Groups/{group.id}"),
    }
    return _present(body)


def list_view(total: int, offset: int, resources: Sequence[Mapping[str, Any]]) -> ScimBody:
    page = {"startIndex": offset + 1, "itemsPerPage": len(resources)}
    return {"schemas": [LIST], "totalResults": total, **page, "Resources": list(resources)}


def error_of(status: int, scim_type: str | None, detail: str) -> ScimBody:
    return _present({"schemas": [ERROR], "status": str(status), "scimType": scim_type, "detail": detail})


def chosen(view: ScimBody, attributes: str | None, excluded: str | None) -> ScimBody:
    """The attributes that were asked for; `id` and `schemas` are always there (RFC 7644, 3.9)."""
    always = {"id", "schemas"}
    if attributes:
        return {name: value for name, value in view.items() if name.lower() in always | _names(attributes)}
    return {name: value for name, value in view.items() if name in always or name.lower() not in _names(excluded)}


def _names(listed: str | None) -> set[str]:
    """The attributes of the first level in a list, without their schemas."""
    names = ((each.strip().rpartition(":")[2] or each.strip()) for each in (listed or "").split(","))
    return {name.partition(".")[0].lower() for name in names}


def _meta(kind: str, of: ProvisionedUser | ProvisionedGroup, location: str) -> ScimBody:
    created, modified = (at.isoformat().replace("+00:00", "Z") for at in (of.created_at, of.updated_at))
    return {"resourceType": kind, "created": created, "lastModified": modified, "location": location}


def _present(body: Mapping[str, Any]) -> ScimBody:
    return {name: value for name, value in body.items() if value is not None}
