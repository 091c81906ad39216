"""Refusals of the SCIM routes in the form of the standard, and what follows from the link of an account."""

from typing import Any

import httpx
import pytest

from app.identity.domain.scim import PATCH_OP
from tests.identity.conftest import Federation
from tests.identity.test_scim import add_group, add_user, patch, scim

__all__ = ["scim"]

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
NOBODY = "00000000-0000-0000-0000-000000000000"
NO_ID = "ana"
REFUSALS: list[tuple[str, str, dict[str, Any], int, str | None]] = [
    ("POST", "/Users", {"content": b""}, 400, "invalidSyntax"),
    ("POST", "/Users", {"content": b"[]"}, 400, "invalidSyntax"),
    ("POST", "/Users", {"content": b"\xff"}, 400, "invalidSyntax"),
    ("POST", "/Users", {"content": b"[" * 100_000}, 400, "invalidSyntax"),
    ("POST", "/Users", {"json": {}}, 400, "invalidValue"),
    ("POST", "/Groups", {"json": {"displayName": "a", "members": [{"value": NOBODY}]}}, 400, "invalidValue"),
    ("PUT", f"/Users/{NOBODY}", {"json": {"userName": "a"}}, 404, None),
    ("PUT", f"/Groups/{NOBODY}", {"json": {"displayName": "a"}}, 404, None),
    ("PATCH", f"/Users/{NOBODY}", {"json": {"schemas": [PATCH_OP], "Operations": []}}, 404, None),
    ("DELETE", f"/Groups/{NOBODY}", {}, 404, None),
    ("GET", f"/Users/{NO_ID}", {}, 400, "invalidValue"),
    ("GET", "/Users", {"params": {"count": "many"}}, 400, "invalidValue"),
    ("GET", "/Users", {"params": {"startIndex": 10**12}}, 400, "invalidValue"),
    ("GET", "/Users", {"params": {"filter": "x" * 1001}}, 400, "invalidValue"),
    ("GET", "/Users", {"params": {"filter": r'userName eq "\ud800"'}}, 400, "invalidFilter"),
    ("GET", "/Groups", {"params": {"filter": r'displayName eq "\u0000"'}}, 400, "invalidFilter"),
    ("GET", "/ResourceTypes/Device", {}, 404, None),
    ("GET", "/Me", {}, 404, None),
]


async def test_every_refusal_has_the_form_of_the_standard(scim: httpx.AsyncClient) -> None:
    for method, path, sent, status, scim_type in REFUSALS:
        reply = await scim.request(method, path, **sent)
        assert reply.headers["content-type"] == "application/scim+json", (method, path, reply.text)
        body = reply.json()
        found = (reply.status_code, body["schemas"], body["status"], body.get("scimType"))
        assert found == (status, [ERROR], str(status), scim_type), (method, path, body)
        assert body["detail"], (method, path)
    assert [(await scim.get(path)).json()["totalResults"] for path in ("/Users", "/Groups")] == [0, 0]


@pytest.mark.parametrize("key", ["", "sk_abcdefghij01_" + "a" * 32])
async def test_without_a_valid_key_nothing_is_shown(federation: Federation, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with federation.browser() as nobody:
        for path in ("/Users", "/Groups", "/ServiceProviderConfig", "/nothing"):
            reply = await nobody.get(f"/scim/v2{path}", headers=headers)
            assert (reply.status_code, "Resources" in reply.json()) == (401, False), path


async def test_an_id_that_is_no_id_finds_nobody(scim: httpx.AsyncClient) -> None:
    user = await add_user(scim, active=False)
    for text, total in (
        ('id eq "x"', 0),
        (f'id eq "{user.upper()}"', 1),
        ("active eq false", 1),
        ("active eq true", 0),
        ('externalId eq "ANA"', 0),
        ('displayName eq ""', 0),
    ):
        assert (await scim.get("/Users", params={"filter": text})).json()["totalResults"] == total, text


async def test_a_name_is_taken_in_any_case_and_free_again_after_its_account(scim: httpx.AsyncClient) -> None:
    one, other = await add_user(scim, "a", userName="Straße"), await add_user(scim, "b", userName="other")
    taken = await patch(scim, f"/Users/{other}", {"op": "replace", "path": "userName", "value": "STRASSE"})
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")
    assert (await scim.get(f"/Users/{other}")).json()["userName"] == "other"
    await scim.delete(f"/Users/{one}")
    renamed = await patch(scim, f"/Users/{other}", {"op": "replace", "path": "userName", "value": "STRASSE"})
    assert renamed.json()["userName"] == "STRASSE"
    hr, lab = await add_group(scim, "dept-hr"), await add_group(scim, "dept-lab")
    taken = await patch(scim, f"/Groups/{lab}", {"op": "replace", "path": "displayName", "value": "dept-hr"})
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")
    await scim.delete(f"/Groups/{hr}")
    assert (await scim.put(f"/Groups/{lab}", json={"displayName": "dept-hr"})).json()["displayName"] == "dept-hr"


async def test_an_account_that_is_linked_to_another_person_counts_for_that_one_at_once(
    federation: Federation, scim: httpx.AsyncClient
) -> None:
    user = await add_user(scim, "ana", active=False)
    issuer = federation.issuer
    async with federation.client() as ana, federation.client(issuer.token(sub="bo")) as bo:

        async def statuses() -> list[int]:
            return [(await each.get("/v1/caller")).status_code for each in (ana, bo)]

        assert await statuses() == [401, 200]
        await patch(scim, f"/Users/{user}", {"op": "replace", "path": "externalId", "value": "bo"})
        assert await statuses() == [200, 401]
        await patch(scim, f"/Users/{user}", {"op": "remove", "path": "externalId"})
        assert await statuses() == [200, 200]
        # Of two accounts of one person, both must be active.
        await add_user(scim, "ana", userName="one"), await add_user(scim, "ana", userName="two", active=False)
        assert await statuses() == [401, 200]


async def test_a_group_decides_by_its_external_id_too(federation: Federation, scim: httpx.AsyncClient) -> None:
    user = await add_user(scim)
    body = {"displayName": "People of HR", "externalId": "dept-hr"}
    async with federation.client() as ana:
        group = (await scim.post("/Groups", json=body)).json()["id"]
        assert (await ana.get("/v1/caller")).json()["groups"] == []
        await scim.put(f"/Groups/{group}", json={**body, "members": [{"value": user}]})
        assert (await ana.get("/v1/caller")).json()["groups"] == ["hr"]
        # The value stays one that provisioning decides about when the group has another one.
        await patch(scim, f"/Groups/{group}", {"op": "replace", "path": "externalId", "value": "dept-lab"})
        assert (await ana.get("/v1/caller")).json()["groups"] == []


async def test_who_was_refused_for_want_of_an_account_gets_in_when_none_is_required_any_more(
    federation: Federation, scim: httpx.AsyncClient
) -> None:
    tenant, issuer = federation.tokens.policy.tenant.model_dump(), federation.issuer

    def require(required: bool) -> None:
        federation.set_policy(tenant=tenant, provisioning={"required": required})
        assert federation.state.identity.provisioning
        object.__setattr__(federation.state.identity.provisioning, "rules", federation.tokens.policy.provisioning)

    async with federation.client() as ana:
        assert (await ana.get("/v1/caller")).status_code == 200
        require(True)
        await add_group(scim, "elsewhere")
        assert (await ana.get("/v1/caller")).json()["code"] == "deprovisioned"
    require(False)
    async with federation.client(issuer.token(iat=issuer.now + 1)) as again:
        assert (await again.get("/v1/caller")).status_code == 200
