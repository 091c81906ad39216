"""No content of a held answer is delivered before the decision, in any form of the response."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prometheus_client import REGISTRY

from app.core.jobs import Worker
from app.inference.domain.human_review import ReviewPolicy
from app.review.domain.items import DecisionType
from tests.clock import until
from tests.conftest import without_polling
from tests.inference.conftest import Service, change_serving, loaded
from tests.inference.reviewer import decide_on

WHO = "Who built the lighthouse of Karlen?"
SECRET = "Marta"
HOLD = {"name": "people", "send": "before", "due_minutes": 60, "when": {"words": ["built"]}}


@pytest.fixture
def holding(quoting: Service) -> Service:
    change_serving(quoting.state, review=ReviewPolicy(owner="tests", overlap=0, rules=[HOLD]))  # type: ignore[list-item]
    return quoting


async def decide(service: Service, answer_id: str, decision: DecisionType = "approve", text: str | None = None) -> None:
    await Worker(service.state.database, service.state.jobs, concurrency=1).run(wait=False)
    await decide_on(service, "answer", answer_id, decision, text)


async def get(service: Service, answer_id: str, **query: Any) -> httpx.Response:
    async with service.client() as client:
        return await client.get(f"/v1/answers/{answer_id}", params=query)


async def chat(service: Service, **body: Any) -> httpx.Response:
    asked = {"model": "default", "messages": [{"role": "user", "content": WHO}], **body}
    async with service.client() as client:
        return await client.post("/v1/chat/completions", json=asked)


async def test_the_asker_gets_the_address_and_sees_the_answer_after_the_decision(holding: Service) -> None:
    asked = await holding.ask(WHO)
    held = asked.json()
    assert (asked.status_code, held["status"]) == (202, "held")
    assert asked.headers["location"] == held["where"] == f"/v1/answers/{held['id']}"
    waiting = await get(holding, held["id"])
    assert (waiting.status_code, waiting.json()["status"]) == (202, "held")
    assert SECRET not in asked.text + waiting.text
    await decide(holding, held["id"])
    shown = await get(holding, held["id"])
    assert shown.status_code == 200
    assert SECRET in shown.json()["text"]
    assert shown.json()["review"]["edited"] is False


async def test_an_answer_without_a_matching_rule_is_delivered(holding: Service) -> None:
    reply = await holding.ask("How long is the main span of the bridge?")
    assert (reply.status_code, reply.json()["status"]) == (200, "answered")
    assert await holding.rows("select 1 from reviewed_answers") == []


async def test_a_rejected_answer_is_not_shown_to_askers(holding: Service) -> None:
    held = (await holding.ask(WHO)).json()
    await decide(holding, held["id"], "reject")
    shown = await get(holding, held["id"])
    assert (shown.status_code, shown.json()["status"]) == (200, "rejected")
    assert SECRET not in shown.text


async def test_a_stream_of_a_held_answer_says_only_that_it_is_held(holding: Service) -> None:
    reply = await holding.ask(WHO, stream=True)
    assert reply.text.startswith("event: held\n")
    assert reply.text.count("event:") == 1
    assert SECRET not in reply.text


async def test_a_model_that_writes_is_not_streamed_where_a_rule_might_hold_it(service: Service) -> None:
    change_serving(service.state, review=ReviewPolicy(owner="tests", overlap=0, rules=[HOLD]))  # type: ignore[list-item]
    reply = await service.ask(WHO, stream=True)
    assert len(service.model.calls) == 1
    assert [line for line in reply.text.splitlines() if line.startswith("event")] == ["event: held"]


async def test_an_openai_client_is_notified_too(holding: Service) -> None:
    whole, streamed = await chat(holding), await chat(holding, stream=True)
    assert whole.status_code == 202
    [choice] = whole.json()["choices"]
    assert (choice["finish_reason"], whole.json()["answer"]["status"]) == ("content_filter", "held")
    assert '"finish_reason":"content_filter"' in streamed.text
    assert SECRET not in whole.text + streamed.text


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_repeated_request_returns_the_same_address_and_not_the_answer(
    holding: Service, streaming: bool
) -> None:
    key = {"headers": {"Idempotency-Key": "again"}, "stream": streaming}
    first, again = await holding.ask(WHO, **key), await holding.ask(WHO, **key)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.status_code == first.status_code == (200 if streaming else 202)
    assert again.text == first.text
    assert SECRET not in again.text
    assert await holding.rows("select count(*) from answers") == [(1,)]


async def test_neither_a_replay_nor_feedback_reaches_an_answer_that_is_held(holding: Service) -> None:
    held = (await holding.ask(WHO)).json()
    key = (await holding.state.identity.create_key(holding.tenant, "auditor", ["admin"])).text
    async with holding.client(key) as client:
        repeated_response = await client.post(f"{held['where']}/replay")
        rated = await client.post(f"{held['where']}/feedback", json={"helpful": True})
    assert (repeated_response.status_code, repeated_response.json()["code"]) == (409, "answer_held")
    assert (rated.status_code, rated.json()["code"]) == (409, "answer_held")


async def test_a_waiting_client_is_notified_of_the_decision_at_once(
    holding: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_polling(monkeypatch)
    held = (await holding.ask(WHO)).json()
    shown = asyncio.ensure_future(get(holding, held["id"], wait=20))
    await until(lambda: holding.state.archive.waiting._events)
    assert not shown.done()
    await decide(holding, held["id"])
    assert SECRET in (await shown).json()["text"]
    assert holding.state.archive.waiting._events == {}


async def test_whoever_waits_for_a_decision_takes_no_place_from_other_requests(holding: Service) -> None:
    held = (await holding.ask(WHO)).json()
    at_work = partial(REGISTRY.get_sample_value, "app_requests_at_work", {"kind": "other"})
    async with loaded(holding.state) as url:
        shown = asyncio.ensure_future(get(replace(holding, url=url), held["id"], wait=20))
        await until(lambda: holding.state.archive.waiting._events)
        await until(lambda: shown.done() or at_work() == 0)
        assert not shown.done()
        await decide(holding, held["id"])
        assert (await shown).status_code == 200


async def test_waiting_ends_at_its_timeout(holding: Service) -> None:
    held = (await holding.ask(WHO)).json()
    reply = await get(holding, held["id"], wait=0.1)
    assert (reply.status_code, reply.json()["status"]) == (202, "held")


async def test_a_held_answer_is_charged_and_recorded_with_its_review_job(holding: Service) -> None:
    held = (await holding.ask(WHO)).json()
    assert await holding.rows("select count(*) from ledger") == [(1,)]
    assert await holding.rows("select state, timing, rule, asker from reviewed_answers") == [
        ("held", "before", "people", "test")
    ]
    assert len(await holding.rows(f"select 1 from procrastinate_jobs where args->>'answer_id' = '{held['id']}'")) == 1


async def test_an_answer_that_is_reviewed_afterwards_is_delivered_at_once(holding: Service) -> None:
    change_serving(holding.state, review=ReviewPolicy(owner="tests", overlap=0, rules=[{**HOLD, "send": "after"}]))  # type: ignore[list-item]
    reply = await holding.ask(WHO)
    assert reply.status_code == 200
    assert (await get(holding, reply.json()["id"])).json()["text"] == reply.json()["text"]
    await Worker(holding.state.database, holding.state.jobs, concurrency=1).run(wait=False)
    assert await holding.rows("select timing, state from review_items where kind = 'answer'") == [("after", "open")]


async def test_an_answer_that_cannot_be_queued_is_not_delivered(holding: Service) -> None:
    held = (await holding.ask(WHO)).json()
    [spec] = [spec for spec in holding.state.jobs if spec.name == "review.add_answer"]
    assert spec.dead is not None
    await spec.dead(tenant_id=str(holding.tenant), answer_id=held["id"], reason="The worker died in every attempt.")
    assert (await get(holding, held["id"])).json()["status"] == "rejected"


async def test_another_tenant_sees_neither_the_answer_nor_that_it_is_held(holding: Service) -> None:
    held = (await holding.ask(WHO)).json()
    other = await holding.state.identity.ensure_tenant(f"other-{uuid4().hex}")
    key = (await holding.state.identity.create_key(other, "k", ["admin"])).text
    async with holding.client(key) as client:
        theirs, missing = await client.get(held["where"]), await client.get(f"/v1/answers/{UUID(int=1)}")
    assert theirs.status_code == missing.status_code == 404
