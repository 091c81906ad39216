"""SCIM 2.0 requests: what they say about users and groups. Source: RFC 7643 and RFC 7644."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from app.core.text import flaw_in
from app.identity.domain.provisioning import (
    MAX_MEMBERS,
    MAX_TEXT_CHARACTERS,
    AttributeFilter,
    GroupContent,
    ScimProblem,
    UserContent,
)

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MAX_OPERATIONS: Final = 1000

Attributes = Mapping[str, object]
ScimBody = dict[str, Any]
"""A reply."""

_USER_ATTRIBUTES: Final = {
    "id": "id",
    "username": "user_name",
    "externalid": "external_id",
    "displayname": "display_name",
    "active": "active",
}
_GROUP_ATTRIBUTES: Final = {"id": "id", "displayname": "display_name", "externalid": "external_id"}
# Attributes of the standard's users that are not kept here: whoever sends them is not told off.
_IGNORED: Final = frozenset(
    [
        "name",
        "nickname",
        "profileurl",
        "title",
        "usertype",
        "preferredlanguage",
        "locale",
        "timezone",
        "password",
        "emails",
        "phonenumbers",
        "ims",
        "photos",
        "addresses",
        "entitlements",
        "roles",
        "x509certificates",
        "groups",
        "meta",
        "schemas",
    ]
)
_FILTER: Final = re.compile(r'\s*([A-Za-z][\w.:$-]*)\s+(?i:eq)\s+("(?:[^"\\]|\\.)*"|true|false)\s*')
_MEMBER_PATH: Final = re.compile(r'(?i:members)\[\s*(?i:value)\s+(?i:eq)\s+"([^"\\]*)"\s*\]')


def user_of(body: Attributes) -> UserContent:
    """Errors: ScimProblem."""
    found = _by_lower_name(body, USER)
    name = _text(found, "userName")
    if name is None:
        raise ScimProblem("invalidValue", "userName is missing.")
    active = _truth(found.get("active", True), "active")
    return UserContent(name, _text(found, "externalId"), _text(found, "displayName"), active)


def group_of(body: Attributes) -> GroupContent:
    """Errors: ScimProblem."""
    found = _by_lower_name(body, GROUP)
    name = _text(found, "displayName")
    if name is None:
        raise ScimProblem("invalidValue", "displayName is missing.")
    return GroupContent(name, _text(found, "externalId"), _members(found.get("members")))


def filter_of(text: str | None, schema: str) -> AttributeFilter | None:
    """Errors: ScimProblem, for every filter but `attribute eq value`."""
    if text is None:
        return None
    match = _FILTER.fullmatch(text)
    names = _USER_ATTRIBUTES if schema == USER else _GROUP_ATTRIBUTES
    attribute = names.get(_local(match[1], schema)) if match else None
    if match is None or attribute is None:
        raise ScimProblem("invalidFilter", f"The only filter is 'attribute eq value', on {', '.join(names)}.")
    try:
        value = json.loads(match[2])
    except ValueError as error:
        raise ScimProblem("invalidFilter", "The value of the filter is no JSON text.") from error
    if isinstance(value, bool) != (attribute == "active") or flaw_in(str(value)):
        raise ScimProblem("invalidFilter", f"This value cannot be compared with {match[1]}.")
    return AttributeFilter(attribute, value)


def patched_user(user: UserContent, body: Attributes) -> UserContent:
    """Errors: ScimProblem."""
    for verb, path, value in _operations(body, USER):
        for name, each in _attributes(path, value, USER):
            user = _with_user_attribute(user, verb, name, each)
    return user


def _with_user_attribute(user: UserContent, verb: str, name: str, value: object) -> UserContent:
    if verb == "remove":
        value = None
    if name == "active":
        if value is None:
            raise ScimProblem("invalidValue", "active cannot be removed.")
        return replace(user, active=_truth(value, name))
    if name == "username":
        return replace(user, user_name=_lasting_text(value, "userName"))
    if name == "externalid":
        return replace(user, external_id=_text({name: value}, name))
    if name == "displayname":
        return replace(user, display_name=_text({name: value}, name))
    _check_ignored(name)
    return user


def patched_group(group: GroupContent, body: Attributes) -> GroupContent:
    """Errors: ScimProblem."""
    for verb, path, value in _operations(body, GROUP):
        if member := _MEMBER_PATH.fullmatch(path):
            if verb != "remove":
                raise ScimProblem("invalidPath", "Only the operation remove can name one member in its path.")
            group = replace(group, members=group.members - {_id(member[1])})
            continue
        for name, each in _attributes(path, value, GROUP):
            group = _with_group_attribute(group, verb, name, each)
    return group


def _with_group_attribute(group: GroupContent, verb: str, name: str, value: object) -> GroupContent:
    if name == "members":
        named = _members(value)
        every = {"add": group.members | named, "replace": named, "remove": group.members - named}[verb]
        return replace(group, members=frozenset() if verb == "remove" and value is None else every)
    if verb == "remove":
        value = None
    if name == "displayname":
        return replace(group, display_name=_lasting_text(value, "displayName"))
    if name == "externalid":
        return replace(group, external_id=_text({name: value}, name))
    _check_ignored(name)
    return group


def _operations(body: Attributes, schema: str) -> Iterable[tuple[str, str, object]]:
    """The verb, the path and the value of each operation. Errors: ScimProblem."""
    found = _by_lower_name(body, "")
    schemas, operations = found.get("schemas"), found.get("operations")
    if not isinstance(schemas, list) or PATCH_OP not in schemas:
        raise ScimProblem("invalidSyntax", f"A PATCH has the schema {PATCH_OP}.")
    if not isinstance(operations, list) or not 0 < len(operations) <= MAX_OPERATIONS:
        raise ScimProblem("invalidSyntax", f"A PATCH has 1 to {MAX_OPERATIONS} operations.")
    for operation in operations:
        if not isinstance(operation, Mapping):
            raise ScimProblem("invalidSyntax", "An operation is an object.")
        parts = _by_lower_name(operation, "")
        verb, path = str(parts.get("op", "")).lower(), parts.get("path", "")
        if verb not in ("add", "replace", "remove") or not isinstance(path, str):
            raise ScimProblem("invalidSyntax", "An operation is add, replace or remove, with a path of text.")
        if verb == "remove" and not path:
            raise ScimProblem("noTarget", "The operation remove needs a path.")
        if verb != "remove" and "value" not in parts:
            raise ScimProblem("invalidValue", "The operation has no value.")
        yield verb, path.removeprefix(f"{schema}:"), parts.get("value")


def _attributes(path: str, value: object, schema: str) -> Iterable[tuple[str, object]]:
    """The attributes that an operation names, in its path or in its value. Errors: ScimProblem."""
    values = value if path == "" else {path: value}
    if not isinstance(values, Mapping):
        raise ScimProblem("invalidValue", "An operation without a path has an object as its value.")
    return [(_local(str(name), schema), each) for name, each in values.items()]


def _by_lower_name(body: Attributes, schema: str) -> dict[str, object]:
    """Names of attributes do not differ by case alone (RFC 7643, 2.1)."""
    return {_local(str(name), schema): value for name, value in body.items()}


def _local(name: str, schema: str) -> str:
    return name.removeprefix(f"{schema}:").lower()


def _check_ignored(name: str) -> None:
    """Errors: ScimProblem."""
    if re.split(r"[.\[]", name)[0] not in _IGNORED and not name.startswith("urn:"):
        raise ScimProblem("invalidPath", f"There is no attribute {name[:100]}.")


def _text(found: Mapping[str, object], name: str) -> str | None:
    """Errors: ScimProblem."""
    value = found.get(name.lower())
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARACTERS or not value.isprintable():
        raise ScimProblem("invalidValue", f"{name} is no text of at most {MAX_TEXT_CHARACTERS} characters.")
    return value


def _lasting_text(value: object, name: str) -> str:
    """Of an attribute that can be changed and not removed. Errors: ScimProblem."""
    text = _text({name.lower(): value}, name)
    if text is None:
        raise ScimProblem("invalidValue", f"{name} cannot be removed.")
    return text


def _truth(value: object, name: str) -> bool:
    """Some providers send truth values as text. Errors: ScimProblem."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ScimProblem("invalidValue", f"{name} is true or false.")
    return value


def _members(value: object) -> frozenset[UUID]:
    """Errors: ScimProblem."""
    if value is None:
        return frozenset()
    values: Sequence[object] = value if isinstance(value, list) else [value]
    if len(values) > MAX_MEMBERS or not all(isinstance(each, Mapping) for each in values):
        raise ScimProblem("invalidValue", f"members is a list of at most {MAX_MEMBERS} objects with a value.")
    return frozenset(_id(_by_lower_name(each, "").get("value")) for each in values if isinstance(each, Mapping))


def _id(value: object) -> UUID:
    """Errors: ScimProblem."""
    try:
        return UUID(str(value))
    except ValueError as error:
        raise ScimProblem("invalidValue", "A member is named by the id of a user.") from error
