"""Access of a person, links of accounts and the form of SCIM replies, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from app.identity.domain.provisioning import (
    Deprovisioned,
    GroupContent,
    LinkAttribute,
    ProvisionedAccess,
    ProvisionedGroup,
    ProvisionedUser,
    ScimProblem,
    UserContent,
    user_key,
)
from app.identity.domain.scim import GROUP, USER, group_of, user_of
from app.identity.domain.scim_discovery import resource_types, schemas
from app.identity.domain.scim_views import chosen, error_of, group_view, list_view, user_view

BASE = "https://answers.example.com/scim/v2"
CREATED = datetime(2030, 1, 1, 12, tzinfo=UTC)
CHANGED = datetime(2030, 1, 2, 12, 0, 0, 5, tzinfo=UTC)
HR, LAB = UUID(int=8), UUID(int=9)
ANA = ProvisionedUser(UUID(int=1), "Ana@X.org", "a1", "Ana", True, CREATED, CHANGED, {HR: "dept-hr", LAB: "dept-lab"})
TEAM = ProvisionedGroup(HR, "dept-hr", None, CREATED, CHANGED, {ANA.id: "Ana@X.org"})


@pytest.mark.parametrize(
    ("known", "active", "required", "admitted"),
    [
        (True, True, False, True),
        (True, True, True, True),
        (True, False, False, False),
        (True, False, True, False),
        (False, False, False, True),
        (False, False, True, False),
    ],
)
def test_who_has_an_account_needs_an_active_one(known: bool, active: bool, required: bool, admitted: bool) -> None:
    access = ProvisionedAccess(known, active, frozenset({"dept-hr"}))
    if admitted:
        access.check(required)
        return
    with pytest.raises(Deprovisioned) as refused:
        access.check(required)
    assert (refused.value.status, refused.value.code, refused.value.label) == (401, "deprovisioned", "deprovisioned")


@pytest.mark.parametrize(
    ("attribute", "external_id", "link"),
    [
        ("external_id", "A1", "A1"),
        ("external_id", None, None),
        ("user_name", "A1", "ana@x.org"),
        ("user_name", None, "ana@x.org"),
    ],
)
def test_an_account_is_linked_by_the_attribute_of_the_policy(
    attribute: LinkAttribute, external_id: str | None, link: str | None
) -> None:
    assert replace(ANA, external_id=external_id).link(attribute) == link


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("Ana", "aNA", True), ("STRASSE", "straße", True), ("Σίσυφος", "ΣΊΣΥΦΟΣ", True), ("ana", "ana ", False)],
)
def test_names_of_users_do_not_differ_by_case_alone(one: str, other: str, same: bool) -> None:
    assert (user_key(one) == user_key(other)) is same


def test_what_a_provider_set_is_what_it_may_set_again() -> None:
    assert ANA.content == UserContent("Ana@X.org", "a1", "Ana", active=True)
    assert TEAM.content == GroupContent("dept-hr", None, frozenset({ANA.id}))
    assert user_of(user_view(ANA, BASE)) == ANA.content
    assert group_of(group_view(TEAM, BASE)) == TEAM.content


def test_a_user_is_shown_with_its_groups_and_addresses() -> None:
    assert user_view(ANA, BASE) == {
        "schemas": [USER],
        "id": str(ANA.id),
        "externalId": "a1",
        "userName": "Ana@X.org",
        "displayName": "Ana",
        "active": True,
        "groups": [
            {"value": str(HR), "display": "dept-hr", "$ref": f"{BASE}/Groups/{HR}"},
            {"value": str(LAB), "display": "dept-lab", "$ref": f"{BASE}/Groups/{LAB}"},
        ],
        "meta": {
            "resourceType": "User",
            "created": "2030-01-01T12:00:00Z",
            "lastModified": "2030-01-02T12:00:00.000005Z",
            "location": f"{BASE}/Users/{ANA.id}",
        },
    }


def test_what_is_not_there_is_left_out_and_not_null() -> None:
    bare = replace(ANA, external_id=None, display_name=None, active=False, groups={})
    assert user_view(bare, BASE).keys() == {"schemas", "id", "userName", "active", "meta"}
    assert user_view(bare, BASE)["active"] is False
    assert group_view(replace(TEAM, members={}), BASE).keys() == {"schemas", "id", "displayName", "meta"}


def test_a_moment_of_another_time_zone_keeps_its_offset() -> None:
    tokyo = CREATED.astimezone(timezone(timedelta(hours=9)))
    assert group_view(replace(TEAM, created_at=tokyo), BASE)["meta"]["created"] == "2030-01-01T21:00:00+09:00"


@pytest.mark.parametrize(
    ("attributes", "excluded", "shown"),
    [
        (None, None, {"schemas", "id", "userName", "displayName", "active"}),
        ("", "", {"schemas", "id", "userName", "displayName", "active"}),
        ("userName", None, {"schemas", "id", "userName"}),
        ("USERNAME, active", None, {"schemas", "id", "userName", "active"}),
        (f"{USER}:displayName", None, {"schemas", "id", "displayName"}),
        ("active.value", None, {"schemas", "id", "active"}),
        ("unknown", None, {"schemas", "id"}),
        (" , ", None, {"schemas", "id"}),
        (None, "userName", {"schemas", "id", "displayName", "active"}),
        (None, f"{USER}:USERNAME,active", {"schemas", "id", "displayName"}),
        (None, "id,schemas,unknown", {"schemas", "id", "userName", "displayName", "active"}),
        ("userName", "userName", {"schemas", "id", "userName"}),
    ],
)
def test_a_client_chooses_attributes_and_never_loses_the_id(
    attributes: str | None, excluded: str | None, shown: set[str]
) -> None:
    view: dict[str, Any] = {"schemas": [], "id": "1", "userName": "a", "displayName": "A", "active": True}
    assert chosen(view, attributes, excluded).keys() == shown


@pytest.mark.parametrize(
    ("total", "offset", "resources", "page"), [(0, 0, [], (0, 1, 0)), (5, 3, [{"id": "4"}, {"id": "5"}], (5, 4, 2))]
)
def test_a_page_says_where_it_begins_counted_from_one(
    total: int, offset: int, resources: list[dict[str, Any]], page: tuple[int, int, int]
) -> None:
    body = list_view(total, offset, resources)
    assert (body["totalResults"], body["startIndex"], body["itemsPerPage"]) == page
    assert body["Resources"] == resources


def test_an_error_has_its_status_as_text_and_a_type_only_where_the_standard_has_one() -> None:
    assert error_of(409, "uniqueness", "Taken.")["status"] == "409"
    assert error_of(409, "uniqueness", "Taken.")["scimType"] == "uniqueness"
    assert "scimType" not in error_of(404, None, "Missing.")


@pytest.mark.parametrize(("schema", "view"), [(USER, user_view(ANA, BASE)), (GROUP, group_view(TEAM, BASE))])
def test_every_attribute_of_a_schema_is_one_that_replies_have(schema: str, view: dict[str, Any]) -> None:
    described = {each["name"]: each for each in schemas(BASE)[schema]["attributes"]}
    assert described.keys() <= view.keys()
    for name, attribute in described.items():
        assert isinstance(view[name], list) is attribute["multiValued"], name
        parts = {each["name"] for each in attribute.get("subAttributes", ())}
        assert not attribute["multiValued"] or view[name][0].keys() == parts, name


def test_resource_types_name_schemas_that_exist() -> None:
    assert {each["schema"] for each in resource_types(BASE).values()} == schemas(BASE).keys()


def test_a_problem_of_scim_names_its_keyword() -> None:
    problem = ScimProblem("noTarget", "There is no such attribute.")
    assert (problem.scim_type, problem.detail) == ("noTarget", "There is no such attribute.")
    assert problem.as_dict()["scim_type"] == "noTarget"
