"""Who may provision, what the audit log says of it, and what a deleted account takes with it."""

from collections.abc import Sequence

import httpx
import pytest
from sqlalchemy import text

from app.core.audit import verify
from app.identity.domain import ADMIN, KeyTerms
from app.identity.domain.scim import PATCH_OP
from tests.identity.conftest import Federation
from tests.identity.test_scim import add_group, add_user, patch, scim

__all__ = ["scim"]


@pytest.mark.parametrize("permissions", [sorted(ADMIN - {"accounts:provision"}), ["accounts:provision"]])
async def test_one_permission_provisions_and_no_other_one(
    federation: Federation, scim: httpx.AsyncClient, permissions: list[str]
) -> None:
    user = await add_user(scim)
    group = await add_group(scim, "dept-hr", user)
    key = await federation.state.identity.create_key(
        federation.tenant, "another", ["admin"], terms=KeyTerms(permissions=permissions)
    )
    operation = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {"displayName": "new"}}]}
    requests: Sequence[tuple[str, str, object]] = [
        ("GET", "/ServiceProviderConfig", None),
        ("GET", "/ResourceTypes", None),
        ("GET", "/ResourceTypes/User", None),
        ("GET", "/Schemas", None),
        ("GET", "/Users", None),
        ("GET", f"/Users/{user}", None),
        ("GET", "/Groups", None),
        ("GET", f"/Groups/{group}", None),
        ("POST", "/Users", {"userName": "new"}),
        ("PUT", f"/Users/{user}", {"userName": "new name"}),
        ("PATCH", f"/Users/{user}", operation),
        ("POST", "/Groups", {"displayName": "another"}),
        ("PUT", f"/Groups/{group}", {"displayName": "dept-lab"}),
        ("PATCH", f"/Groups/{group}", operation),
        ("DELETE", f"/Users/{user}", None),
        ("DELETE", f"/Groups/{group}", None),
    ]
    async with federation.client(key.text) as caller:
        replies = [await caller.request(method, f"/scim/v2{path}", json=body) for method, path, body in requests]
    if permissions == ["accounts:provision"]:
        assert [reply.status_code for reply in replies if reply.is_error] == []
        return
    assert {reply.status_code for reply in replies} == {403}
    assert {reply.headers["content-type"] for reply in replies} == {"application/scim+json"}
    assert (await scim.get(f"/Groups/{group}")).json()["members"][0]["value"] == user
    assert [(await scim.get(path)).json()["totalResults"] for path in ("/Users", "/Groups")] == [1, 1]


async def test_every_change_is_in_the_audit_log_with_the_key_that_made_it(
    federation: Federation, scim: httpx.AsyncClient
) -> None:
    user = await add_user(scim)
    group = await add_group(scim, "dept-hr", user)
    await patch(scim, f"/Users/{user}", {"op": "replace", "path": "active", "value": False})
    await patch(scim, f"/Groups/{group}", {"op": "remove", "path": "members"})
    # What is refused leaves no line.
    await patch(scim, f"/Users/{user}", {"op": "replace", "path": "active", "value": "perhaps"})
    await patch(scim, f"/Groups/{group}", {"op": "add", "path": "members", "value": [{"value": group}]})
    await scim.delete(f"/Groups/{group}")
    await scim.delete(f"/Users/{user}")
    query = text(
        "select actor, subject, before, after from audit_log "
        "where tenant_id = :tenant and action = 'account.provision' order by sequence"
    )
    async with federation.state.database.transaction(federation.tenant) as connection:
        lines = [tuple(row) for row in await connection.execute(query, {"tenant": federation.tenant})]
    async with federation.state.database.transaction(None) as connection:
        await verify(connection)
    person, team = f"provisioned user {user}", f"provisioned group {group}"
    assert lines == [
        ("provider", person, None, "active: True"),
        ("provider", team, None, "1 members"),
        ("provider", person, "active: True", "active: False"),
        ("provider", team, "1 members", "0 members"),
        ("provider", team, "0 members", "deleted"),
        ("provider", person, "active: False", "deleted"),
    ]


async def test_a_deleted_account_takes_its_memberships_with_it_for_good(
    federation: Federation, scim: httpx.AsyncClient
) -> None:
    user = await add_user(scim)
    group = await add_group(scim, "dept-hr", user)
    await scim.delete(f"/Users/{user}")
    again = await add_user(scim)
    assert again != user
    async with federation.client() as ana:
        assert (await ana.get("/v1/caller")).json()["groups"] == [], "the new account is not in the group"
        refused = await patch(scim, f"/Groups/{group}", {"op": "add", "path": "members", "value": [{"value": user}]})
        assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue")
        await patch(scim, f"/Groups/{group}", {"op": "add", "path": "members", "value": [{"value": again}]})
        assert (await ana.get("/v1/caller")).json()["groups"] == ["hr"]
    for method in ("GET", "PUT", "DELETE"):
        reply = await scim.request(method, f"/Users/{user}", json={"userName": "ana@example.com"})
        assert reply.status_code == 404, method
