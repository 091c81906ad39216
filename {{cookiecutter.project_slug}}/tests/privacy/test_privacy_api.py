"""Export, erasure and legal holds over HTTP: the admin of a tenant, for that tenant."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from app.privacy.domain.requests import Selection
from app.privacy.service import Privacy
from app.wiring import State
from benchmarks.harness import work_off
from tests.privacy.test_erasure import ask, upload

Other = tuple[UUID, httpx.AsyncClient]
PERSON = "Ada Quillfeather"
TEXT = f"# The lighthouse\n\nThe keeper of the old lighthouse is {PERSON}, as she wrote in 1874.\n"
WANTED = {"selector": "subject", "value": PERSON, "reason": "request 17"}


async def test_an_erasure_is_queued_once_reports_its_progress_and_leaves_nothing(
    client: httpx.AsyncClient, state: State, privacy: Privacy, tenant: UUID, stranger: Other
) -> None:
    document = await upload(client, state, TEXT)
    await ask(client, "Who is the keeper of the old lighthouse?")
    queued = await client.post("/v1/privacy/erasures", json=WANTED)
    again = await client.post("/v1/privacy/erasures", json=WANTED)
    assert queued.status_code == again.status_code == 202
    assert queued.json()["id"] == again.json()["id"]
    assert (queued.json()["state"], queued.json()["done"]) == ("running", 0)
    assert PERSON not in queued.text
    path = f"/v1/privacy/requests/{queued.json()['id']}"
    assert (await stranger[1].get(path)).json()["code"] == "privacy_request_not_found"
    assert (await stranger[1].post("/v1/privacy/erasures", json=WANTED)).json()["code"] == "privacy_content_not_found"

    await work_off(state)
    ended = (await client.get(path)).json()
    assert ended["state"] == "done"
    assert ended["done"] == ended["total"] > 10
    assert ended["counters"]["documents"] >= 1
    assert (await client.get(f"/v1/documents/{document}")).status_code == 404
    assert (await client.get("/v1/privacy/requests")).json()["items"][0] == ended
    assert (await client.post("/v1/privacy/erasures", json=WANTED)).json()["code"] == "privacy_content_not_found"
    assert (await client.post(f"/v1/privacy/erasures/{ended['id']}/resume")).json()["state"] == "done"
    requested = [each for each in await audited(client) if each["action"] == "privacy.erase"]
    [line] = [each for each in requested if each["after"] == f"request {ended['id']}"]
    assert line["reason"] == "request 17"
    assert (await privacy.erasure.find(tenant, UUID(ended["id"]))).requested_by == line["actor"]


async def audited(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = (await client.get("/v1/audit")).json()["items"]
    return lines


async def test_a_legal_hold_refuses_by_name_until_it_is_lifted(client: httpx.AsyncClient, state: State) -> None:
    document = await upload(client, state, TEXT)
    wanted = {"kind": "document", "subject_id": str(document), "reason": "proceeding 4711"}
    placed = await client.post("/v1/privacy/holds", json=wanted)
    assert placed.status_code == 201
    assert (await client.post("/v1/privacy/holds", json=wanted)).json() == placed.json()
    assert (await client.get("/v1/privacy/holds")).json()["items"] == [placed.json()]
    refused = await client.post("/v1/privacy/erasures", json=WANTED)
    assert (refused.status_code, refused.json()["code"]) == (409, "erasure_blocked")
    assert "proceeding 4711" in refused.json()["detail"]
    await work_off(state)
    assert (await client.get(f"/v1/documents/{document}")).status_code == 200
    path = f"/v1/privacy/erasures/{refused.json()['privacy_request_id']}/resume"
    assert (await client.post(path)).status_code == 409

    lift = f"/v1/privacy/holds/{placed.json()['id']}/lift"
    assert (await client.post(lift, json={"reason": "it is settled"})).status_code == 204
    assert (await client.post(lift, json={"reason": "it is settled"})).json()["code"] == "legal_hold_not_found"
    assert (await client.post(path)).json()["state"] == "running"
    await work_off(state)
    assert (await client.get(f"/v1/documents/{document}")).status_code == 404
    reasons = {line["action"]: line["reason"] for line in await audited(client)}
    assert (reasons["privacy.hold"], reasons["privacy.lift"]) == ("proceeding 4711", "it is settled")


async def test_an_export_is_what_the_command_line_exports(
    client: httpx.AsyncClient, state: State, privacy: Privacy, tenant: UUID
) -> None:
    await upload(client, state, TEXT)
    exported = await client.post("/v1/privacy/exports", json=WANTED)
    assert exported.headers["content-type"] == "application/x-ndjson"
    lines = [line async for line in privacy.export.export(tenant, Selection("subject", PERSON), "officer", "request")]
    assert exported.content.splitlines(True)[:-1] == lines[:-1]
    assert PERSON in exported.text
    missing = await client.post("/v1/privacy/exports", json=WANTED | {"value": "Nobody Knowles"})
    assert (missing.status_code, missing.json()["code"]) == (404, "privacy_content_not_found")


async def test_an_export_is_audited_before_its_first_line_and_is_never_continued_as_an_erasure(
    client: httpx.AsyncClient, state: State, privacy: Privacy, tenant: UUID
) -> None:
    document = await upload(client, state, TEXT)
    lines = privacy.export.export(tenant, Selection("subject", PERSON), "officer", "request 18")
    await anext(lines)
    [line] = [each for each in await audited(client) if each["reason"] == "request 18"]
    assert (line["action"], line["actor"]) == ("privacy.export", "officer")
    await lines.aclose()  # type: ignore[attr-defined]
    cut = (await client.get("/v1/privacy/requests")).json()["items"][0]
    assert (cut["kind"], cut["state"]) == ("export", "running")
    resumed = await client.post(f"/v1/privacy/erasures/{cut['id']}/resume")
    assert resumed.json()["code"] == "privacy_request_not_found"
    await work_off(state)
    assert (await client.get(f"/v1/documents/{document}")).status_code == 200


async def test_only_an_admin_reaches_them_and_the_whole_tenant_is_named_by_its_name(
    client: httpx.AsyncClient, state: State, tenant: UUID
) -> None:
    other = {"selector": "tenant", "value": str(uuid4()), "reason": "the contract has ended"}
    assert (await client.post("/v1/privacy/erasures", json=other)).json()["code"] == "privacy_content_not_found"
    client.headers["authorization"] = (
        f"Bearer {(await state.identity.create_key(tenant, 'operator', ['operator', 'reviewer'])).text}"
    )
    for method, path in (("POST", "erasures"), ("POST", "exports"), ("GET", "requests"), ("GET", "holds")):
        reply = await client.request(method, f"/v1/privacy/{path}", json=WANTED if method == "POST" else None)
        assert reply.json()["code"] == "permission_missing"
