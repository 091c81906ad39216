from collections.abc import Callable
from uuid import UUID, uuid4

import httpx
import pytest

from app.core import audit
from app.core.audit import Act
from app.wiring import State
from tests.governance.conftest import House

Houses = Callable[..., House]


async def key_of(state: State, tenant: UUID, name: str, role: str) -> dict[str, str]:
    key = await state.identity.create_key(tenant, name, [role])
    return {"Authorization": f"Bearer {key.text}"}


async def test_somebody_else_approves_over_http(
    state: State, house: Houses, client: httpx.AsyncClient, tenant: UUID
) -> None:
    here = house()
    release = await here.draft(author="ana")
    report = await here.measure(release)
    path = f"/v1/releases/{release.id}/approvals"
    ana, bob = await key_of(state, tenant, "ana", "service"), await key_of(state, tenant, "bob", "service")
    before = (await client.get(path)).json()
    assert before["items"] == []
    assert "1 must approve" in before["lacking"] or "2 must approve" in before["lacking"]
    refused = await client.post(path, json={"reason": "mine"}, headers=ana)
    assert (refused.status_code, refused.json()["code"]) == (403, "self_approval")
    stale = await client.post(path, json={"reason": "read it", "report": "0" * 64}, headers=bob)
    assert (stale.status_code, stale.json()["code"]) == (409, "no_evidence")
    given = await client.post(path, json={"reason": "read it", "report": report}, headers=bob)
    assert given.status_code == 201
    assert given.json()["approval"]["approver"] == "bob"
    assert [each["approver"] for each in (await client.get(path)).json()["items"]] == ["bob"]


async def test_a_rejection_over_http_needs_a_reason(
    state: State, house: Houses, client: httpx.AsyncClient, tenant: UUID
) -> None:
    here = house()
    release = await here.measured()
    path = f"/v1/releases/{release.number}/rejection"
    assert (await client.post(path, json={"reason": "  "})).status_code == 422
    assert (await client.post(path, json={"reason": "wrong about pay"})).status_code == 204
    assert await here.state(release) == "rejected"


@pytest.mark.parametrize("role", ["user", "reviewer", "operator", "admin"])
async def test_other_roles_may_not_approve(
    state: State, house: Houses, client: httpx.AsyncClient, tenant: UUID, role: str
) -> None:
    here = house()
    release = await here.measured()
    headers = await key_of(state, tenant, "bob", role)
    for path in ("approvals", "rejection"):
        refused = await client.post(f"/v1/releases/{release.id}/{path}", json={"reason": "read it"}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")


async def test_an_emergency_is_on_the_readiness_page_until_somebody_else_reviewed_it(
    state: State, house: Houses, client: httpx.AsyncClient, tenant: UUID
) -> None:
    here = house()
    release = await here.draft()
    await here.rollouts.activate("ana", release.id, "production is on fire", break_glass=True)
    mine = [each for each in await here.approvals.emergencies() if each.approval.release_id == release.id]
    ready = (await client.get("/health/ready")).json()
    assert [note for note in ready["notes"] if release.id[:12] in note]
    path = f"/v1/governance/break-glass/{mine[0].approval.id}/review"
    bob = await key_of(state, tenant, "bob", "service")
    assert (await client.post(path, json={"reason": "it was right"}, headers=bob)).json()["reviewer"] == "bob"
    ready = (await client.get("/health/ready")).json()
    assert not [note for note in ready["notes"] if release.id[:12] in note]
    unknown = await client.post(f"/v1/governance/break-glass/{uuid4()}/review", json={"reason": "it was right"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "break_glass_not_found")


async def test_the_audit_log_is_paged_and_an_admin_sees_what_its_own_tenant_does(
    state: State, client: httpx.AsyncClient, tenant: UUID
) -> None:
    other = uuid4()
    async with state.database.transaction(None) as connection:
        for number in range(4):
            whose = (tenant, None, other, tenant)[number]
            await audit.record(
                connection, Act("ana", "test.act", f"thing {number}", tenant_id=whose), state.clock.now()
            )
    admin = await key_of(state, tenant, "ana", "admin")
    theirs = (await client.get("/v1/audit", params={"limit": 3}, headers=admin)).json()
    assert [line["subject"] for line in theirs["items"]][1:] == ["thing 3", "thing 0"]
    assert {line["tenant_id"] for line in theirs["items"]} == {str(tenant)}
    first = (await client.get("/v1/audit", params={"limit": 3})).json()
    assert [line["subject"] for line in first["items"]][1:] == ["thing 3", "thing 2"]
    second = (await client.get("/v1/audit", params={"limit": 2, "below": first["below"]})).json()
    assert [line["subject"] for line in second["items"]] == ["thing 1", "thing 0"]
    head = (await client.get("/v1/audit/head")).json()
    assert (head["sequence"], head["hash"]) == (first["items"][0]["sequence"], first["items"][0]["hash"])


@pytest.mark.parametrize("role", ["user", "reviewer", "operator"])
async def test_a_tenant_reads_its_audit_log_by_its_admin_alone(
    state: State, client: httpx.AsyncClient, tenant: UUID, role: str
) -> None:
    headers = await key_of(state, tenant, "bob", role)
    for path in ("/v1/audit", "/v1/audit/head"):
        assert (await client.get(path, headers=headers)).status_code == 403
    admin = await key_of(state, tenant, "ana", "admin")
    assert (await client.get("/v1/audit/head", headers=admin)).json()["code"] == "permission_missing"
