"""What a SCIM request says of users and groups, without a database."""

from typing import Any
from uuid import UUID

import pytest

from app.identity.domain.provisioning import (
    MAX_MEMBERS,
    MAX_TEXT_CHARACTERS,
    AttributeFilter,
    GroupContent,
    ScimProblem,
    UserContent,
)
from app.identity.domain.scim import (
    GROUP,
    MAX_OPERATIONS,
    PATCH_OP,
    USER,
    filter_of,
    group_of,
    patched_group,
    patched_user,
    user_of,
)

ANA, BO, CY = (UUID(int=number) for number in (1, 2, 3))
USER_NOW = UserContent("ana", "a1", "Ana", active=True)
GROUP_NOW = GroupContent("dept-hr", "g1", frozenset({ANA, BO}))

Json = dict[str, Any]


def patch(*operations: object) -> Json:
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


def named(*members: UUID) -> list[Json]:
    return [{"value": str(each)} for each in members]


@pytest.mark.parametrize(
    ("text", "schema", "found"),
    [
        (None, USER, None),
        ('userName eq "ana"', USER, AttributeFilter("user_name", "ana")),
        (' \t USERNAME  Eq "ana"\n', USER, AttributeFilter("user_name", "ana")),
        (f'{USER}:externalId eq "7"', USER, AttributeFilter("external_id", "7")),
        (f'{GROUP}:displayName eq "x"', GROUP, AttributeFilter("display_name", "x")),
        ("active eq false", USER, AttributeFilter("active", False)),
        ('displayName eq ""', USER, AttributeFilter("display_name", "")),
        (r'displayName eq "a\"b\\c\u00e9"', USER, AttributeFilter("display_name", 'a"b\\cé')),
        (r'displayName eq "\ud83d\ude00"', USER, AttributeFilter("display_name", "😀")),
        ('displayName eq "x\' or 1=1 --"', GROUP, AttributeFilter("display_name", "x' or 1=1 --")),
        ('displayName eq "a\\" or active eq \\"b"', USER, AttributeFilter("display_name", 'a" or active eq "b')),
    ],
)
def test_a_filter_compares_one_attribute_with_one_value(
    text: str | None, schema: str, found: AttributeFilter | None
) -> None:
    assert filter_of(text, schema) == found


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("", USER),
        ("userName", USER),
        ("userName eq", USER),
        ("userName eq ana", USER),
        ("userName eq 7", USER),
        ("userName eq null", USER),
        ('userName ne "ana"', USER),
        ('userName eq"ana"', USER),
        ('userName eq "ana" and active eq true', USER),
        ('not (userName eq "ana")', USER),
        ('userName eq "ana', USER),
        (r'userName eq "\x"', USER),
        ('userName eq "a\nb"', USER),
        (r'userName eq "\u0000"', USER),
        (r'userName eq "\ud800"', USER),
        (r'id eq "\udfff"', GROUP),
        ("active eq TRUE", USER),
        ('active eq "true"', USER),
        ("displayName eq true", USER),
        ("active eq true", GROUP),
        ('userName eq "ana"', GROUP),
        ('members eq "ana"', GROUP),
        (f'{GROUP}:userName eq "ana"', USER),
        ('deleted_at eq "x"', USER),
        ('emails[type eq "work"].value eq "x"', USER),
    ],
)
def test_every_other_filter_is_refused(text: str, schema: str) -> None:
    with pytest.raises(ScimProblem) as refused:
        filter_of(text, schema)
    assert (refused.value.scim_type, refused.value.status, refused.value.code) == ("invalidFilter", 400, "scim_invalid")


@pytest.mark.parametrize(
    ("body", "user"),
    [
        ({"userName": "ana"}, UserContent("ana")),
        ({"USERNAME": "ana", "Active": False}, UserContent("ana", active=False)),
        ({"userName": "ana", "active": "FALSE"}, UserContent("ana", active=False)),
        ({"userName": "ana", "externalId": "", "displayName": None}, UserContent("ana")),
        ({f"{USER}:userName": "ana", f"{USER}:externalId": "7"}, UserContent("ana", "7")),
        ({"userName": "x" * MAX_TEXT_CHARACTERS}, UserContent("x" * MAX_TEXT_CHARACTERS)),
        ({"userName": "ana", "id": "forged", "groups": [{"value": "admins"}]}, UserContent("ana")),
    ],
)
def test_a_user_has_what_a_body_says_whatever_the_case_of_its_names(body: Json, user: UserContent) -> None:
    assert user_of(body) == user


@pytest.mark.parametrize(
    "changed",
    [
        {"userName": None},
        {"userName": ""},
        {"userName": ["ana"]},
        {"userName": "x" * (MAX_TEXT_CHARACTERS + 1)},
        {"userName": "ana\nbo"},
        {"userName": "ana\u202e"},
        {"userName": "\ud800"},
        {"externalId": 7},
        {"displayName": "a\0"},
        {"active": None},
        {"active": 1},
        {"active": "yes"},
    ],
)
def test_a_user_that_is_not_valid_is_refused(changed: Json) -> None:
    with pytest.raises(ScimProblem) as refused:
        user_of({"userName": "ana"} | changed)
    assert refused.value.scim_type == "invalidValue"


@pytest.mark.parametrize(
    ("members", "found"),
    [
        (None, set()),
        ([], set()),
        (named(ANA, BO, ANA), {ANA, BO}),
        ({"value": str(ANA)}, {ANA}),
        ([{"VALUE": str(ANA).upper(), "display": "Ana"}], {ANA}),
    ],
)
def test_a_group_has_each_member_once(members: object, found: set[UUID]) -> None:
    assert group_of({"displayName": "hr", "members": members}) == GroupContent("hr", None, frozenset(found))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"displayName": ""},
        {"displayName": "hr", "members": "ana"},
        {"displayName": "hr", "members": [str(ANA)]},
        {"displayName": "hr", "members": [{}]},
        {"displayName": "hr", "members": [{"value": "ana"}]},
        {"displayName": "hr", "members": [{"value": {"id": str(ANA)}}]},
        {"displayName": "hr", "members": named(*[ANA] * (MAX_MEMBERS + 1))},
    ],
)
def test_a_group_that_is_not_valid_is_refused(body: Json) -> None:
    with pytest.raises(ScimProblem) as refused:
        group_of(body)
    assert refused.value.scim_type == "invalidValue"


@pytest.mark.parametrize(
    ("operations", "user"),
    [
        ([{"op": "ADD", "path": "USERNAME", "value": "bo"}], UserContent("bo", "a1", "Ana")),
        ([{"OP": "replace", "Path": "active", "VALUE": "false"}], UserContent("ana", "a1", "Ana", active=False)),
        ([{"op": "remove", "path": "externalId", "value": "kept?"}], UserContent("ana", None, "Ana")),
        ([{"op": "replace", "path": "displayName", "value": None}], UserContent("ana", "a1")),
        ([{"op": "replace", "value": {f"{USER}:externalId": "a2", "name": {}}}], UserContent("ana", "a2", "Ana")),
        ([{"op": "replace", "value": {}}], USER_NOW),
        ([{"op": "remove", "path": "emails"}], USER_NOW),
        ([{"op": "add", "path": "urn:example:Extension:2.0:User:level", "value": 3}], USER_NOW),
        (
            [{"op": "replace", "path": "active", "value": False}, {"op": "replace", "path": "active", "value": True}],
            USER_NOW,
        ),
    ],
)
def test_a_patch_changes_a_user_operation_by_operation(operations: list[Json], user: UserContent) -> None:
    assert patched_user(USER_NOW, patch(*operations)) == user


@pytest.mark.parametrize(
    ("operations", "members"),
    [
        ([{"op": "add", "path": "members", "value": named(CY, ANA)}], {ANA, BO, CY}),
        ([{"op": "replace", "path": "MEMBERS", "value": {"value": str(CY)}}], {CY}),
        ([{"op": "replace", "value": {"members": []}}], set()),
        ([{"op": "remove", "path": f"{GROUP}:members"}], set()),
        ([{"op": "remove", "path": "members", "value": []}], {ANA, BO}),
        ([{"op": "remove", "path": "members", "value": named(CY, BO)}], {ANA}),
        ([{"op": "remove", "path": f'Members[ Value EQ "{BO}" ]'}], {ANA}),
        ([{"op": "remove", "path": f'members[value eq "{CY}"]'}], {ANA, BO}),
        ([{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": named(CY)}], {CY}),
    ],
)
def test_a_patch_changes_the_members_of_a_group_and_nothing_else(operations: list[Json], members: set[UUID]) -> None:
    assert patched_group(GROUP_NOW, patch(*operations)) == GroupContent("dept-hr", "g1", frozenset(members))


def test_a_group_loses_its_external_id_and_never_its_name() -> None:
    assert patched_group(GROUP_NOW, patch({"op": "remove", "path": "externalId"})).external_id is None
    for operation in ({"op": "remove", "path": "displayName"}, {"op": "replace", "value": {"displayName": ""}}):
        with pytest.raises(ScimProblem, match="displayName cannot be removed"):
            patched_group(GROUP_NOW, patch(operation))


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "add", "path": f'members[value eq "{CY}"]', "value": 1}, "invalidPath"),
        ({"op": "remove", "path": 'members[value eq "ana"]'}, "invalidValue"),
        ({"op": "remove", "path": f'members[value ne "{ANA}"]'}, "invalidPath"),
        ({"op": "remove", "path": f'members[value eq "{ANA}"].display'}, "invalidPath"),
        ({"op": "replace", "path": "members.value", "value": str(CY)}, "invalidPath"),
        ({"op": "replace", "path": "userName", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "members", "value": [["value", str(CY)]]}, "invalidValue"),
        ({"op": "add", "value": named(CY)}, "invalidValue"),
    ],
)
def test_an_operation_on_a_group_that_is_not_offered_is_refused(operation: Json, kind: str) -> None:
    with pytest.raises(ScimProblem) as refused:
        patched_group(GROUP_NOW, patch(operation))
    assert refused.value.scim_type == kind


NOTHING = {"op": "replace", "value": {}}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "invalidSyntax"),
        ({"Operations": [NOTHING]}, "invalidSyntax"),
        ({"schemas": PATCH_OP, "Operations": [NOTHING]}, "invalidSyntax"),
        ({"schemas": [USER], "Operations": [NOTHING]}, "invalidSyntax"),
        (patch(), "invalidSyntax"),
        ({"schemas": [PATCH_OP], "Operations": NOTHING}, "invalidSyntax"),
        (patch(*[NOTHING] * (MAX_OPERATIONS + 1)), "invalidSyntax"),
        (patch("replace"), "invalidSyntax"),
        (patch({"value": {}}), "invalidSyntax"),
        (patch({"op": None, "value": {}}), "invalidSyntax"),
        (patch({"op": "copy", "path": "active", "value": True}), "invalidSyntax"),
        (patch({"op": "replace", "path": None, "value": {}}), "invalidSyntax"),
        (patch({"op": "replace", "path": ["active"], "value": True}), "invalidSyntax"),
        (patch({"op": "remove", "path": ""}), "noTarget"),
        (patch({"op": "add", "path": "displayName"}), "invalidValue"),
        (patch({"op": "add", "value": [{"displayName": "x"}]}), "invalidValue"),
        (patch({"op": "replace", "path": "groups_", "value": []}), "invalidPath"),
        (patch({"op": "replace", "path": "active.value", "value": True}), "invalidPath"),
    ],
)
def test_a_patch_of_another_form_is_refused_for_users_and_for_groups(body: Json, kind: str) -> None:
    for change in (lambda: patched_user(USER_NOW, body), lambda: patched_group(GROUP_NOW, body)):
        with pytest.raises(ScimProblem) as refused:
            change()
        assert refused.value.scim_type == kind


def test_as_many_operations_as_are_allowed_are_done() -> None:
    assert patched_user(USER_NOW, patch(*[NOTHING] * MAX_OPERATIONS)) == USER_NOW
