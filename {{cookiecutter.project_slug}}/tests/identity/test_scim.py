"""Provisioning by SCIM 2.0, against the RFC and against what providers send; and what it takes away at once."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from app.identity.domain import KeyTerms
from app.identity.domain.scim import GROUP, PATCH_OP, USER
from tests.identity.conftest import Federation
from tests.identity.test_sign_in import sign_in

Json = dict[str, Any]


@pytest_asyncio.fixture
async def scim(federation: Federation) -> AsyncIterator[httpx.AsyncClient]:
    """With a key that may do nothing else."""
    async with provisioner(federation, federation.tenant) as client:
        yield client


def provisioner(federation: Federation, tenant: UUID) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=federation.app, raise_app_exceptions=False)

    async def authorize(request: httpx.Request) -> None:
        terms = KeyTerms(permissions=["accounts:provision"])
        if tenant not in keys:
            key = await federation.state.identity.create_key(tenant, "provider", ["admin"], terms=terms)
            keys[tenant] = key.text
        request.headers["authorization"] = f"Bearer {keys[tenant]}"

    keys: dict[UUID, str] = {}
    return httpx.AsyncClient(
        transport=transport,
        base_url="https://answers.example.com/scim/v2",
        headers={"content-type": "application/scim+json"},
        event_hooks={"request": [authorize]},
    )


async def add_user(scim: httpx.AsyncClient, external_id: str | None = "ana", **changed: Any) -> str:
    body = {"schemas": [USER], "userName": f"{external_id}@example.com", "externalId": external_id, **changed}
    reply = await scim.post("/Users", json=body)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def add_group(scim: httpx.AsyncClient, name: str, *members: str) -> str:
    body = {"schemas": [GROUP], "displayName": name, "members": [{"value": each} for each in members]}
    reply = await scim.post("/Groups", json=body)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def patch(scim: httpx.AsyncClient, path: str, *operations: Json) -> httpx.Response:
    return await scim.patch(path, json={"schemas": [PATCH_OP], "Operations": list(operations)})


async def test_a_user_is_created_read_replaced_and_deleted(scim: httpx.AsyncClient) -> None:
    body = {"schemas": [USER], "userName": "Ana@example.com", "externalId": "ana", "displayName": "Ana", "title": "x"}
    made = await scim.post("/Users", json=body)
    user = made.json()
    assert (made.status_code, made.headers["content-type"]) == (201, "application/scim+json")
    assert made.headers["location"] == user["meta"]["location"]
    assert user["meta"]["location"] == f"https://answers.example.com/scim/v2/Users/{user['id']}"
    assert (user["schemas"], user["userName"], user["active"], user["meta"]["resourceType"]) == (
        [USER],
        "Ana@example.com",
        True,
        "User",
    )
    path = f"/Users/{user['id']}"
    assert (await scim.get(path)).json() == user
    again = await scim.post("/Users", json={**body, "userName": "ANA@EXAMPLE.COM"})
    assert (again.status_code, again.json()["scimType"], again.json()["status"]) == (409, "uniqueness", "409")
    replaced = (await scim.put(path, json={"schemas": [USER], "userName": "ana2@example.com"})).json()
    assert (replaced["userName"], "displayName" in replaced, "externalId" in replaced) == (
        "ana2@example.com",
        False,
        False,
    )
    assert [(await scim.delete(path)).status_code, (await scim.get(path)).status_code] == [204, 404]
    assert (await scim.delete(path)).json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert (await scim.post("/Users", json=body)).status_code == 201


async def test_users_are_found_by_a_filter_in_pages(scim: httpx.AsyncClient) -> None:
    ids = [await add_user(scim, f"p{number}") for number in range(5)]
    listed = (await scim.get("/Users", params={"startIndex": 2, "count": 2})).json()
    assert (listed["totalResults"], listed["startIndex"], listed["itemsPerPage"]) == (5, 2, 2)
    assert [each["id"] for each in listed["Resources"]] == ids[1:3]
    for text in (
        'userName eq "P3@EXAMPLE.com"',
        'externalId eq "p3"',
        f'id eq "{ids[3]}"',
        f'{USER}:username EQ "p3@example.com"',
    ):
        found = (await scim.get("/Users", params={"filter": text})).json()
        assert [each["id"] for each in found["Resources"]] == [ids[3]], text
    assert (await scim.get("/Users", params={"filter": 'userName eq "nobody"'})).json()["totalResults"] == 0
    assert (await scim.get("/Users", params={"count": 0, "startIndex": -3})).json()["Resources"] == []
    for text in (
        'userName co "p"',
        "userName pr",
        'password eq "x"',
        'active eq "x"',
        "userName eq true",
        'a eq "b" or',
    ):
        refused = await scim.get("/Users", params={"filter": text})
        assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidFilter"), text
    few = (await scim.get(f"/Users/{ids[0]}", params={"attributes": "userName"})).json()
    assert few.keys() == {"schemas", "id", "userName"}
    assert "meta" not in (await scim.get(f"/Users/{ids[0]}", params={"excludedAttributes": "meta"})).json()


async def test_a_user_is_patched_as_providers_do_it(scim: httpx.AsyncClient) -> None:
    path = f"/Users/{await add_user(scim)}"
    for operation, expected in (
        ({"op": "replace", "path": "active", "value": False}, {"active": False}),
        ({"op": "Replace", "path": "active", "value": "True"}, {"active": True}),
        ({"op": "replace", "value": {"active": False, "displayName": "Ana"}}, {"active": False, "displayName": "Ana"}),
        ({"op": "add", "path": f"{USER}:displayName", "value": "Bo"}, {"displayName": "Bo"}),
        ({"op": "add", "path": 'emails[type eq "work"].value', "value": "x@example.com"}, {"displayName": "Bo"}),
        ({"op": "add", "path": "name.givenName", "value": "Ana"}, {"displayName": "Bo"}),
    ):
        reply = await patch(scim, path, operation)
        assert reply.status_code == 200, (operation, reply.text)
        assert {name: reply.json()[name] for name in expected} == expected, operation
    assert "displayName" not in (await patch(scim, path, {"op": "remove", "path": "displayName"})).json()
    for wrong, kind in (
        ({"op": "move", "path": "active"}, "invalidSyntax"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "remove", "path": "userName"}, "invalidValue"),
        ({"op": "replace", "path": "active"}, "invalidValue"),
        ({"op": "remove", "path": "active"}, "invalidValue"),
        ({"op": "replace", "path": "active", "value": "perhaps"}, "invalidValue"),
        ({"op": "replace", "path": "shoeSize", "value": 7}, "invalidPath"),
        ({"op": "replace", "value": 7}, "invalidValue"),
    ):
        refused = await patch(scim, path, {"op": "replace", "path": "displayName", "value": "Cy"}, wrong)
        assert (refused.status_code, refused.json().get("scimType")) == (400, kind), wrong
    assert "displayName" not in (await scim.get(path)).json(), "all operations or none"


async def test_the_members_of_a_group_are_patched_as_providers_do_it(scim: httpx.AsyncClient) -> None:
    ana, bo, cy = [await add_user(scim, name) for name in ("ana", "bo", "cy")]
    path = f"/Groups/{await add_group(scim, 'dept-hr', ana)}"
    steps: list[tuple[Json, set[str]]] = [
        ({"op": "Add", "path": "members", "value": [{"value": bo}, {"value": cy}]}, {ana, bo, cy}),
        ({"op": "add", "value": {"members": [{"value": bo}]}}, {ana, bo, cy}),
        ({"op": "remove", "path": f'members[value eq "{bo}"]'}, {ana, cy}),
        ({"op": "Remove", "path": "members", "value": [{"value": cy}]}, {ana}),
        ({"op": "replace", "path": "members", "value": [{"value": cy}]}, {cy}),
        ({"op": "remove", "path": "members"}, set()),
        ({"op": "replace", "path": "displayName", "value": "dept-lab"}, set()),
    ]
    for operation, members in steps:
        reply = await patch(scim, path, operation)
        assert {each["value"] for each in reply.json().get("members", ())} == members, (operation, reply.text)
    assert (await scim.get(path)).json()["displayName"] == "dept-lab"
    for value in (str(uuid4()), "x", path.rpartition("/")[2]):
        refused = await patch(scim, path, {"op": "add", "path": "members", "value": [{"value": value}]})
        assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue"), value
    await patch(scim, path, {"op": "add", "path": "members", "value": [{"value": ana}]})
    assert (await scim.get(f"/Users/{ana}")).json()["groups"][0]["display"] == "dept-lab"
    await scim.delete(f"/Users/{ana}")
    assert "members" not in (await scim.get(path)).json()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"userName": "a\\u0000"}', b'{"userName": 7}', b'{"active": true}']
)
async def test_a_body_that_is_not_valid_is_a_problem_of_scim(scim: httpx.AsyncClient, body: bytes) -> None:
    reply = await scim.post("/Users", content=body)
    assert reply.status_code in (400, 422)


async def test_the_service_says_what_it_offers(scim: httpx.AsyncClient) -> None:
    config = (await scim.get("/ServiceProviderConfig")).json()
    assert (config["patch"]["supported"], config["bulk"]["supported"], config["filter"]["maxResults"]) == (
        True,
        False,
        200,
    )
    for path, names in (("/ResourceTypes", {"User", "Group"}), ("/Schemas", {USER, GROUP})):
        listed = (await scim.get(path)).json()["Resources"]
        assert {each["id"] for each in listed} == names
        for each in listed:
            assert (await scim.get(f"{path}/{each['id']}")).json() == each
    for path in ("/Schemas/x", "/nothing/here"):
        unknown = await scim.get(path)
        assert (unknown.status_code, unknown.json()["status"]) == (404, "404")


async def test_an_account_that_is_not_active_ends_access_at_the_next_request(
    federation: Federation, scim: httpx.AsyncClient
) -> None:
    user = await add_user(scim)
    async with federation.browser() as browser, federation.client() as program:
        await sign_in(federation, browser)
        for active, status in ((False, 401), (True, 200), (False, 401)):
            for caller in (browser, program):
                await caller.get("/v1/caller")
            await patch(scim, f"/Users/{user}", {"op": "replace", "path": "active", "value": active})
            assert [(await each.get("/v1/caller")).status_code for each in (browser, program)] == [status] * 2
        assert (await program.get("/v1/caller")).json()["code"] == "deprovisioned"
        await patch(scim, f"/Users/{user}", {"op": "replace", "path": "active", "value": True})
        await scim.delete(f"/Users/{user}")
        assert [(await each.get("/v1/caller")).status_code for each in (browser, program)] == [401] * 2
        # A newer token says nothing else, and a new account admits the person again.
        async with federation.client(federation.issuer.token(iat=federation.issuer.now + 1)) as newer:
            assert (await newer.get("/v1/caller")).status_code == 401
            await add_user(scim)
            assert (await newer.get("/v1/caller")).status_code == 200


async def test_who_is_taken_out_of_a_group_loses_it_at_the_next_request(
    federation: Federation, scim: httpx.AsyncClient
) -> None:
    user = await add_user(scim)
    issuer = federation.issuer
    async with federation.browser() as browser, federation.client() as program:
        await sign_in(federation, browser)

        async def groups() -> list[list[str]]:
            return [(await each.get("/v1/caller")).json()["groups"] for each in (browser, program)]

        assert await groups() == [["hr"], ["hr"]]
        group = await add_group(scim, "dept-hr")
        assert await groups() == [[], []], "nobody is in it"
        member = {"path": "members", "value": [{"value": user}]}
        await patch(scim, f"/Groups/{group}", {"op": "add", **member})
        assert await groups() == [["hr"], ["hr"]]
        await patch(scim, f"/Groups/{group}", {"op": "remove", **member})
        assert await groups() == [[], []]
        async with federation.client(issuer.token(iat=issuer.now + 1, exp=issuer.now + 900)) as newer:
            assert (await newer.get("/v1/caller")).json()["groups"] == []
        await patch(scim, f"/Groups/{group}", {"op": "add", **member})
        assert await groups() == [["hr"], ["hr"]]
        await scim.delete(f"/Groups/{group}")
        assert await groups() == [[], []], "a group that was deleted gives nothing"
        # A token gives no more than its claims, whoever is in the group.
        lab = await add_group(scim, "dept-lab", user)
        assert await groups() == [[], []]
        await scim.delete(f"/Groups/{lab}")


async def test_a_role_that_a_provisioned_group_gives_is_taken_away_too(
    federation: Federation, scim: httpx.AsyncClient
) -> None:
    admins = await add_group(scim, "answers-admins", await add_user(scim))
    token = federation.issuer.token(groups=["answers-users", "answers-admins"])
    async with federation.client(token) as caller:
        assert (await caller.get("/v1/keys")).status_code == 200
        await scim.put(f"/Groups/{admins}", json={"schemas": [GROUP], "displayName": "answers-admins"})
        assert (await caller.get("/v1/keys")).status_code == 403
        assert (await caller.get("/v1/caller")).json()["roles"] == ["user"]


async def test_accounts_may_be_found_by_name_and_be_required(federation: Federation, scim: httpx.AsyncClient) -> None:
    tenant = federation.tokens.policy.tenant.model_dump()
    rules = {"claim": "email", "attribute": "user_name", "required": True}
    federation.set_policy(tenant=tenant, provisioning=rules)
    assert federation.state.identity.provisioning
    object.__setattr__(federation.state.identity.provisioning, "rules", federation.tokens.policy.provisioning)
    token = federation.issuer.token(email="Ana@Example.com", email_verified=True)
    async with federation.client(token) as caller:
        assert (await caller.get("/v1/caller")).json()["code"] == "deprovisioned"
        user = await add_user(scim, "x", userName="aNa@example.COM")
        assert (await caller.get("/v1/caller")).status_code == 200
        await patch(scim, f"/Users/{user}", {"op": "replace", "path": "active", "value": False})
        assert (await caller.get("/v1/caller")).json()["code"] == "deprovisioned"


async def test_another_tenant_is_not_reached(federation: Federation, scim: httpx.AsyncClient) -> None:
    user, other_tenant = await add_user(scim), await federation.state.identity.ensure_tenant(f"other-{uuid4().hex}")
    group = await add_group(scim, "dept-hr", user)
    async with provisioner(federation, other_tenant) as other, federation.client() as ana:
        for path in (f"/Users/{user}", f"/Groups/{group}"):
            for method in ("GET", "DELETE", "PUT", "PATCH"):
                body = {"schemas": [PATCH_OP], "Operations": [{"op": "remove", "path": "externalId"}]}
                named = {"userName": "x", "displayName": "x"}
                reply = await other.request(method, path, json=body | named)
                assert reply.status_code == 404, (method, path)
        assert (await other.get("/Users")).json()["totalResults"] == 0
        foreign = await other.post("/Groups", json={"displayName": "dept-hr", "members": [{"value": user}]})
        assert foreign.status_code == 400
        await add_group(other, "dept-hr")
        await add_user(other, active=False)
        assert (await ana.get("/v1/caller")).json()["groups"] == ["hr"]


async def test_a_key_without_the_permission_is_refused_in_the_form_of_scim(federation: Federation) -> None:
    async with federation.client() as caller:
        reply = await caller.get("/scim/v2/Users")
    assert (reply.status_code, reply.json()["status"]) == (403, "403")
    assert reply.headers["content-type"] == "application/scim+json"
