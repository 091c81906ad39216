from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from app.main import create_app
from app.wiring import State
from tests.conftest import adopt
from tests.mcp.conftest import headers_of, message
from tests.samples import total

WHAT = "What is a lighthouse?"
MOVES = "app_release_moves_total"


@pytest_asyncio.fixture(autouse=True)
async def live(state: State) -> None:
    await state.environments.refresh()
    await adopt(state)


async def draft(client: httpx.AsyncClient) -> dict[str, object]:
    body = {"base": "current", "changes": {"refusal.words": 0.2 + datetime.now(UTC).microsecond / 1e8}}
    body["base"] = (await client.get("/v1/releases/current")).json()["id"]
    return (await client.post("/v1/releases", json=body)).raise_for_status().json()


async def test_the_current_release_shows_its_manifest_and_the_text_of_its_parts(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/v1/releases/current")).json()
    prompt = shown["manifest"]["prompts"]["answer"]
    assert "NO ANSWER" in shown["parts"][prompt]
    assert shown["manifest"]["policies"].keys() >= {"cost", "data", "security", "slo", "ownership"}
    assert shown["id"].startswith(shown["short"])
    assert shown["state"] == "live"


async def test_a_release_is_shown_by_number_id_and_first_digits(client: httpx.AsyncClient) -> None:
    current = (await client.get("/v1/releases/current")).json()
    for wanted in (current["id"], current["short"], current["number"]):
        assert (await client.get(f"/v1/releases/{wanted}")).json() == current


async def test_an_unknown_release_is_missing(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/v1/releases/{'0' * 64}")
    assert (response.status_code, response.json()["code"]) == (404, "release_not_found")


async def test_a_plain_user_may_not_look_at_releases(client: httpx.AsyncClient, state: State, tenant: UUID) -> None:
    key = (await state.identity.create_key(tenant, "plain", ["user"])).text
    for path in ("/v1/releases/current", "/v1/releases", "/v1/environments/production/moves"):
        response = await client.get(path, headers={"Authorization": f"Bearer {key}"})
        assert (response.status_code, response.json()["code"]) == (403, "permission_missing")


async def test_a_draft_is_made_listed_compared_and_carried_elsewhere(client: httpx.AsyncClient) -> None:
    made = await draft(client)
    assert made["state"] == "draft"
    listed = (await client.get("/v1/releases", params={"limit": 1})).json()
    assert (listed["items"][0]["id"], listed["below"]) == (made["id"], made["number"])
    diff = (await client.get(f"/v1/releases/{made['id']}/diff")).json()
    assert [change["name"] for change in diff["changes"]] == ["refusal.words"]
    file = (await client.get(f"/v1/releases/{made['id']}/export")).content
    taken = await client.post("/v1/releases/import", files={"file": ("release.json", file)})
    assert (taken.status_code, taken.json()["id"]) == (201, made["id"])
    spoilt = await client.post("/v1/releases/import", files={"file": ("release.json", file[:-9])})
    assert (spoilt.status_code, spoilt.json()["code"]) == (400, "export_bundle_refused")


async def test_a_deployment_without_a_secret_to_sign_with_says_what_to_do(
    client: httpx.AsyncClient, state: State, key: str
) -> None:
    made = await draft(client)
    file = (await client.get(f"/v1/releases/{made['id']}/export")).content
    bare = replace(state, settings=state.settings.model_copy(update={"environment": "staging"}))
    transport = httpx.ASGITransport(app=create_app(bare), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as other:
        replies = [
            await other.get(f"/v1/releases/{made['id']}/export"),
            await other.post("/v1/releases/import", files={"file": ("release.json", file)}),
        ]
    for reply in replies:
        problem = reply.json()
        assert (reply.status_code, problem["code"]) == (503, "release_secret_required")
        assert "APP_RELEASE_SECRET" in problem["detail"]
        assert "restart the service" in problem["action"]


async def test_what_is_not_approved_does_not_go_live_over_http_either(client: httpx.AsyncClient) -> None:
    made = await draft(client)
    body = {"release": made["id"], "reason": "I like it"}
    refused = await client.post("/v1/environments/production/activate", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "release_not_approved")
    nowhere = await client.post("/v1/environments/nowhere/activate", json=body)
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "environment_not_found")


async def test_staging_answers_only_those_who_may_and_ask_for_it(
    client: httpx.AsyncClient, state: State, tenant: UUID
) -> None:
    made = await draft(client)
    body = {"release": made["id"], "reason": "to look at it"}
    await client.post("/v1/environments/staging/activate", json=body)
    asked = {"question": "What is a lighthouse?"}
    staged = (await client.post("/v1/answers", json=asked, headers={"X-Environment": "staging"})).json()
    assert (staged["release_id"], staged["environment"]) == (made["id"], "staging")
    plain = (await client.post("/v1/answers", json=asked)).json()
    assert (plain["release_id"] != made["id"], plain["environment"]) == (True, "production")
    key = (await state.identity.create_key(tenant, "plain", ["user"])).text
    headers = {"X-Environment": "staging", "Authorization": f"Bearer {key}"}
    refused = await client.post("/v1/answers", json=asked, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")
    wrong = await client.post("/v1/answers", json=asked, headers={"X-Environment": "moon"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "environment_not_found")
    costs = "select distinct environment from ledger where release_id = %s"
    async with state.database.pipeline(tenant) as connection:
        rows = await connection.execute(costs, (made["id"],))
    assert await rows.fetchall() == [("staging",)]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/answers", {"question": WHAT}),
        ("/v1/chat/completions", {"model": "default", "messages": [{"role": "user", "content": WHAT}]}),
        ("/v1/responses", {"input": WHAT}),
        ("/mcp", message("tools/call", name="answer", arguments={"question": WHAT, "idempotency_key": "one"})),
    ],
)
async def test_another_environment_is_another_request_for_an_idempotency_key(
    client: httpx.AsyncClient, path: str, asked: dict[str, Any]
) -> None:
    made = await draft(client)
    await client.post("/v1/environments/staging/activate", json={"release": made["id"], "reason": "to look at it"})
    replies = []
    for environment in ("staging", "production", "staging"):
        headers = {"X-Environment": environment, "Idempotency-Key": "one"}
        headers |= {**headers_of(asked), "host": "127.0.0.1"} if path == "/mcp" else {}
        replies.append((await client.post(path, json=asked, headers=headers)).text)
    assert ["idempotency_key_reused" in each for each in replies] == [False, True, False]
    assert replies[2] == replies[0]


async def test_a_release_goes_live_and_back_over_http(client: httpx.AsyncClient) -> None:
    before = (await client.get("/v1/releases/current")).json()["id"]
    made = await draft(client)
    body, moved = {"release": made["id"], "reason": "an emergency", "break_glass": True}, total(MOVES)
    live = await client.post("/v1/environments/production/activate", json=body)
    assert live.json()["state"] == "live"
    assert total(MOVES) == moved + 1
    assert total("app_release_number", environment="production") == made["number"]
    served = (await client.get("/v1/releases/at", params={"time": datetime.now(UTC).isoformat()})).json()
    assert (served["release_id"], served["arm"]) == (made["id"], "live")
    back = await client.post("/v1/environments/production/rollback", json={"reason": "it is over"})
    assert (back.status_code, back.json()["id"]) == (200, before)
    moves = (await client.get("/v1/environments/production/moves", params={"limit": 2})).json()["items"]
    assert [move["kind"] for move in moves] == ["rollback", "activate"]


async def test_readiness_waits_for_the_release(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/ready")).json()["checks"]["release"] == "ok"


async def test_there_is_no_canary_to_abort(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/environments/production/canary/abort", json={"reason": "none is there"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_canary")


async def test_an_answer_is_run_again_on_its_own_release(client: httpx.AsyncClient) -> None:
    text = "The lighthouse of Karlen was built in 1874 by the engineer Marta Holm."
    await client.post("/v1/documents", files={"files": (f"{uuid4()}.txt", text.encode())})
    answer = (await client.post("/v1/answers", json={"question": "Who built the lighthouse?"})).json()
    again = (await client.post(f"/v1/answers/{answer['id']}/replay")).json()
    assert (again["faithful"], again["differences"]) == (True, [])
    assert again["release_id"] == answer["release_id"]
