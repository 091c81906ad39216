"""The queue over HTTP, from the question to the decision, and the policy file that selects what is reviewed."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.core.jobs import Worker
from app.main import create_app
from app.retrieval.domain import PublishRequest
from app.settings import Settings
from app.wiring import State, build, check
from tests.conftest import adopt
from tests.review.conftest import Desk
from tests.samples import total

PAGE = "The harbour master of Zadar opens the gate at seven every morning of the working week."
ASKED = {"question": "When does the harbour master of Zadar open the gate?"}
RULES = "\n  - {name: harbour, send: before, due_minutes: 60, when: {words: [harbour]}}\n"


def caller(state: State, key: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)


async def key_of(state: State, tenant: UUID, name: str, role: str) -> str:
    return (await state.identity.create_key(tenant, name, [role])).text


@pytest_asyncio.fixture
async def live_again(state: State) -> AsyncIterator[None]:
    yield
    await adopt(state)


def written(root: Path, settings: Settings, rules: str) -> Settings:
    """A service folder whose review policy has these rules."""
    for name in ("policies", "prompts", "migrations", "evals"):
        shutil.copytree(settings.root / name, root / name)
    policy = root / "policies" / "review.yaml"
    policy.write_text(policy.read_text().partition("\nrules:")[0] + f"\nrules:{rules}")
    return settings.model_copy(update={"root": root})


async def asked(settings: Settings, urls: Urls) -> tuple[int, dict[str, Any]]:
    async with build(settings, urls) as state:
        await adopt(state)
        tenant = await state.identity.ensure_tenant(f"harbour-{uuid4().hex}")
        prepared = await state.retrieval.prepare(PublishRequest(uuid4(), tenant, 1, "Rules", "tests", "h.md", PAGE))
        async with state.database.transaction(tenant) as connection:
            await state.retrieval.publish(connection, prepared)
        async with caller(state, await key_of(state, tenant, "asker", "user")) as client:
            reply = await client.post("/v1/answers", json=ASKED)
        return reply.status_code, reply.json()


async def test_editing_the_policy_changes_which_answers_are_held(
    settings: Settings, database_urls: Urls, tmp_path: Path, live_again: None
) -> None:
    status, held = await asked(written(tmp_path / "with", settings, RULES), database_urls)
    assert (status, held["status"]) == (202, "held")
    status, answer = await asked(written(tmp_path / "without", settings, " []\n"), database_urls)
    assert (status, answer["status"]) == (200, "answered")


def test_a_rule_for_an_unknown_model_stops_the_start(settings: Settings, tmp_path: Path) -> None:
    rule = "\n  - {name: doubt, send: after, due_minutes: 60, when: {models: [%s]}}\n"
    with pytest.raises(StartRefused, match=r"review.yaml: rule 'doubt' names the model gpt-9, and there are only extr"):
        check(written(tmp_path / "wrong", settings, rule % "gpt-9"))
    check(written(tmp_path / "right", settings, rule % "extr*"))


@pytest.mark.quick
async def test_from_the_queue_to_the_decision_over_http(desk: Desk) -> None:
    item = await desk.queue()
    state, tenant = desk.state, desk.tenant
    desk.clock.at = item.created_at
    # The routes go by the database's time, which is long before that of the desk's clock.
    async with caller(state, await key_of(state, tenant, "ana", "reviewer")) as ana:
        [shown] = (await ana.get("/v1/reviews")).json()["items"]
        assert (shown["answer_id"], shown["state"]) == (str(item.subject_id), "open")
        claimed = (await ana.post(f"/v1/reviews/{item.id}/claim")).json()
        assert claimed["answer"]["citations"][0]["quote"].startswith("The harbour master")
        beat = await ana.post(f"/v1/reviews/{item.id}/heartbeat", json={"token": claimed["token"]})
        assert beat.status_code == 200
        submission = {name: claimed[name] for name in ("token", "version", "sha256")}
        late = await ana.post(
            f"/v1/reviews/{item.id}/decide",
            json={**submission, "decision": "approve", "reason": "fine", "token": claimed["token"] + 1},
        )
        assert (late.status_code, late.json()["code"]) == (409, "review_lease_lost")
        silent = await ana.post(
            f"/v1/reviews/{item.id}/decide", json={**submission, "decision": "approve", "reason": " "}
        )
        assert silent.status_code == 422
        again = {"Idempotency-Key": "once"}
        decided, ended = (total(name) for name in ("app_review_decisions_total", "app_review_items_ended_total"))
        for _ in range(2):
            done = await ana.post(
                f"/v1/reviews/{item.id}/decide",
                json={**submission, "decision": "approve", "reason": "fine"},
                headers=again,
            )
            assert (done.status_code, done.json()["outcome"]) == (200, "approved")
        assert total("app_review_decisions_total") == decided + 1
        assert total("app_review_items_ended_total") == ended + 1
        [past] = (await ana.get(f"/v1/reviews/{item.id}")).json()["decisions"]
        assert (past["reviewer"], past["decision"], past["reason"]) == ("ana", "approve", "fine")
        assert (await ana.get("/v1/reviews")).json()["items"] == []


async def test_the_list_is_paged_and_filtered(desk: Desk) -> None:
    for minutes in (50, 10, 30, 20, 40):
        await desk.queue(due_minutes=minutes, name="odd" if minutes in (10, 30) else "even")
    async with caller(desk.state, await key_of(desk.state, desk.tenant, "ana", "reviewer")) as ana:
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = (await ana.get("/v1/reviews", params=query)).json()
            seen += [item["due_at"] for item in page["items"]]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert len(seen) == 5
        assert seen == sorted(seen)
        odd = (await ana.get("/v1/reviews", params={"rule": "odd"})).json()["items"]
        assert len(odd) == 2
        assert (await ana.get("/v1/reviews", params={"after": "?"})).status_code == 422


async def test_the_role_user_may_not_review(desk: Desk) -> None:
    item = await desk.queue()
    async with caller(desk.state, await key_of(desk.state, desk.tenant, "someone", "user")) as user:
        assert (await user.get("/v1/reviews")).status_code == 403
        assert (await user.post(f"/v1/reviews/{item.id}/claim")).status_code == 403


async def test_a_worker_job_makes_exactly_one_item_of_an_answer(desk: Desk) -> None:
    answer_id = await desk.send()
    await Worker(desk.state.database, desk.state.jobs, concurrency=1).run(wait=False)
    await desk.reviews.lifecycle.add(desk.tenant, answer_id)
    assert await desk.rows("select count(*) from review_items") == [(1,)]
