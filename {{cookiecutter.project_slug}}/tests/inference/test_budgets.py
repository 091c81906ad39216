"""Money is reserved before a model call and settled with the answer, over HTTP."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from app.adapters.chat.standin import Fault
from app.costs.domain import CostPolicy
from app.costs.domain.budgets import Budget
from app.inference import repository
from app.inference.domain.answer import Question
from tests.clock import leap, until
from tests.inference.conftest import BRIDGE, TOWER, Open, Service, change_serving

WHO = "Who built the lighthouse of Karlen?"
OWN_DAY = "tenant per day"
CHEAPER = "\n  stand-by: {input: 0.01, output: 0.02}\n"


async def limit(service: Service, micro_usd: int) -> None:
    await service.state.costs.budgets.set("tests", service.tenant, "day", micro_usd, "a test needs it")


async def own_day(service: Service) -> Budget:
    (found,) = [each for each in await service.state.costs.budgets.current(service.tenant) if each.name == OWN_DAY]
    return found


def behave(service: Service, **rules: Any) -> None:
    """Give the live release these values of policies/cost.yaml."""
    loaded = service.state.answers.loaded_releases.by_id[service.state.environments.current().id]
    policy = loaded.policies.get(CostPolicy)
    changed = policy.model_copy(update={"budgets": policy.budgets.model_copy(update=rules)})
    policies = replace(loaded.policies, loaded={**loaded.policies.loaded, "cost": changed})
    change_serving(service.state, policies=policies)


async def charged(service: Service) -> list[tuple[Any, ...]]:
    return await service.rows(
        "select model, input_tokens, output_tokens, micro_usd from ledger where model <> 'extractive' order by at, id"
    )


async def until_settled(service: Service) -> Budget:
    """Wait until no reservation is left."""

    async def settled() -> bool:
        return not (await own_day(service)).held_micro_usd

    await until(settled)
    return await own_day(service)


@pytest.fixture
async def limited(service: Service) -> Service:
    await limit(service, 1_000_000)
    return service


async def costs_of_a_call(service: Service) -> tuple[int, int]:
    """What an answer costs, and what is reserved for it, in micro-dollars."""
    await limit(service, 1_000_000)
    service.model.faults.append(Fault(hang=100))
    asking = asyncio.create_task(service.ask(WHO))
    await service.asked()
    reserved = (await own_day(service)).held_micro_usd
    await leap(100)
    return (await asking).json()["cost_micro_usd"], reserved


@pytest.mark.quick
async def test_an_answer_is_reserved_for_and_settled_at_its_cost(limited: Service) -> None:
    limited.model.faults.append(Fault(hang=100))
    asking = asyncio.create_task(limited.ask(WHO))
    await limited.asked()
    during = await own_day(limited)
    await leap(100)
    assert during.committed_micro_usd == 0
    answer = (await asking).json()
    after = await own_day(limited)
    assert (after.committed_micro_usd, after.held_micro_usd) == (answer["cost_micro_usd"], 0)
    assert during.held_micro_usd > answer["cost_micro_usd"] > 0, "the hold is the worst case"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_lower_limit_applies_from_the_next_call(service: Service, stream: bool) -> None:
    assert (await service.ask(WHO, stream=stream)).status_code == 200
    assert service.state.costs.reservations.shared[service.tenant], "one reservation for many calls"
    asked = len(service.model.calls)
    await limit(service, (await own_day(service)).committed_micro_usd + 1)
    assert (await service.ask(WHO, stream=stream)).status_code == 200
    assert len(service.model.calls) == asked, "answered from the evidence, without a model"


async def test_a_streamed_answer_is_settled_too(limited: Service) -> None:
    async with limited.client() as client:
        reply = await client.post("/v1/answers", json={"question": WHO, "stream": True})
    answer = orjson.loads(reply.text.rpartition("data: ")[2])
    after = await own_day(limited)
    assert (after.committed_micro_usd, after.held_micro_usd) == (answer["cost_micro_usd"], 0)


async def test_an_answer_with_a_key_is_settled_too(limited: Service) -> None:
    for _ in range(2):
        answer = (await limited.ask(WHO, headers={"idempotency-key": "once"})).json()
    after = await own_day(limited)
    assert (after.committed_micro_usd, after.held_micro_usd) == (answer["cost_micro_usd"], 0)


async def test_quoting_needs_no_money(quoting: Service) -> None:
    await limit(quoting, 0)
    answer = (await quoting.ask(WHO)).json()
    assert (answer["model"], answer["degraded"]) == ("extractive", False)


async def test_at_the_limit_the_evidence_is_quoted(service: Service) -> None:
    await limit(service, 10)
    answer = (await service.ask(WHO)).json()
    assert (answer["model"], answer["status"], answer["cost_micro_usd"]) == ("extractive", "answered", 0)
    assert answer["reasons"] == ["budget: tenant per day used up"]
    assert not service.model.calls


@pytest.mark.parametrize("stream", [False, True])
async def test_a_release_without_quotes_as_a_fallback_answers_402(service: Service, stream: bool) -> None:
    await limit(service, 10)
    behave(service, at_limit=("cheaper",))
    reply = await service.ask(WHO, stream=stream)
    assert reply.status_code == 402
    problem = reply.json()
    assert (problem["code"], problem["budget"]) == ("budget_used_up", "tenant per day")
    assert problem["opens_at"].endswith("T00:00:00+00:00")
    assert 0 < int(reply.headers["retry-after"]) <= 86_400
    assert not service.model.calls


@pytest.fixture
async def chain(open_service: Open, house: Any) -> Any:
    """Two models, the second a hundred times cheaper."""
    cost = house / "policies" / "cost.yaml"
    before = cost.read_text()
    cost.write_text(before.replace("\n  stand-by: {input: 1, output: 2}\n", CHEAPER))
    try:
        started = await open_service(models=2)
        await started.publish(TOWER, title="Lighthouse", uri="tower.md")
        await started.publish(BRIDGE, title="Bridge", uri="bridge.md")
        yield started
    finally:
        cost.write_text(before)


async def test_the_cheaper_model_comes_before_the_quotes(chain: Service) -> None:
    await limit(chain, 100)
    answer = (await chain.ask(WHO)).json()
    assert answer["model"] == "stand-by"
    assert answer["reasons"] == ["budget: tenant per day used up"]
    assert not chain.models[0].calls


async def test_near_the_limit_the_cheapest_model_is_asked(chain: Service) -> None:
    await limit(chain, 1_000_000)
    behave(chain, cheaper_percent=1, warn_percent=1)
    await chain.state.costs.reservations.hold(chain.tenant, 20_000)
    answer = (await chain.ask(WHO)).json()
    assert answer["model"] == "stand-by"
    assert answer["reasons"] == ["budget: 2 % used"]


async def test_a_refusal_of_the_provider_does_not_lead_to_another_model(chain: Service) -> None:
    await limit(chain, 1_000_000)
    declined = orjson.dumps({"error": {"code": "content_filter", "message": "no"}})
    chain.models[0].faults.append(Fault(status=400, body=declined))
    answer = (await chain.ask(WHO)).json()
    assert answer["refusal"] == "declined"
    assert not chain.models[1].calls
    assert (await own_day(chain)).held_micro_usd == 0


async def test_an_attempt_that_may_have_been_charged_is_charged(limited: Service) -> None:
    limited.model.faults.append(Fault(body=b"not json"))
    answer = (await limited.ask(WHO)).json()
    first, second = sorted(await charged(limited), key=lambda row: -row[3])
    assert first[2] == 512, "nobody knows how much it wrote: as much as was held"
    assert answer["cost_micro_usd"] == first[3] + second[3]
    after = await own_day(limited)
    assert (after.committed_micro_usd, after.held_micro_usd) == (answer["cost_micro_usd"], 0)


async def test_an_attempt_with_reported_usage_is_charged_for_it(limited: Service) -> None:
    useless = {"choices": [{"message": {"content": " "}}], "usage": {"prompt_tokens": 70, "completion_tokens": 30}}
    limited.model.faults.append(Fault(body=orjson.dumps(useless)))
    answer = (await limited.ask(WHO)).json()
    rows = await charged(limited)
    assert len(rows) == 2
    assert ("stand-in", 70, 30, 130) in rows
    after = await own_day(limited)
    assert after.committed_micro_usd == answer["cost_micro_usd"] == sum(row[3] for row in rows)


async def test_a_reply_that_the_provider_retracted_is_charged(limited: Service) -> None:
    kept = {
        "choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}],
        "usage": {"prompt_tokens": 70, "completion_tokens": 30},
    }
    limited.model.faults.append(Fault(body=orjson.dumps(kept)))
    answer = (await limited.ask(WHO)).json()
    assert (answer["refusal"], answer["cost_micro_usd"]) == ("declined", 130)


async def test_an_attempt_whose_connection_broke_is_charged_its_reservation(limited: Service) -> None:
    limited.model.faults.append(Fault(drop=True))
    answer = (await limited.ask(WHO)).json()
    assert max(row[2] for row in await charged(limited)) == 512
    assert (await own_day(limited)).committed_micro_usd == answer["cost_micro_usd"]


async def test_a_stream_that_breaks_without_usage_is_charged_its_reservation(limited: Service) -> None:
    limited.model.faults.append(Fault(pieces=("Marta Holm built it [1]. ", "In 1874 "), cut=True))
    assert "stream_ended" in (await limited.ask(WHO, stream=True)).text
    after = await until_settled(limited)
    ((_, _, written, micro_usd),) = await charged(limited)
    assert (written, after.committed_micro_usd) == (512, micro_usd)


async def test_a_rejected_attempt_costs_nothing(limited: Service) -> None:
    limited.model.faults.append(Fault(status=500))
    answer = (await limited.ask(WHO)).json()
    assert len(await charged(limited)) == 1
    assert (await own_day(limited)).committed_micro_usd == answer["cost_micro_usd"]


async def test_no_second_attempt_is_made_without_money_for_it(service: Service) -> None:
    cost, max_cost = await costs_of_a_call(service)
    await limit(service, cost + max_cost + 10)
    service.model.faults.append(Fault(body=b"not json"))
    answer = (await service.ask(WHO)).json()
    assert answer["model"] == "extractive"
    assert answer["reasons"] == ["stand-in: budget_used_up"]
    assert (await own_day(service)).committed_micro_usd == cost + max_cost


async def test_a_stream_without_usage_is_settled_at_its_reservation(limited: Service) -> None:
    said = {
        "index": 0,
        "delta": {"content": "It was built in 1874 by the engineer Marta Holm [1]."},
        "finish_reason": "stop",
    }
    limited.model.faults.append(Fault(body=b"data: " + orjson.dumps({"choices": [said]}) + b"\n\ndata: [DONE]\n\n"))
    async with limited.client() as client:
        reply = await client.post("/v1/answers", json={"question": WHO, "stream": True})
    answer = orjson.loads(reply.text.rpartition("data: ")[2])
    assert answer["usage"]["estimated"]
    ((_, _, written, micro_usd),) = await charged(limited)
    assert written == 512
    assert (await own_day(limited)).committed_micro_usd == micro_usd == answer["cost_micro_usd"]


async def test_a_client_that_disconnects_is_charged_the_reported_usage(limited: Service) -> None:
    said = ("It was built ", "in 1874 ", "by the engineer ", "Holm.")
    limited.model.faults.append(Fault(pieces=said, pause=0.02))
    body = {"question": WHO, "stream": True}
    async with limited.client() as client, client.stream("POST", "/v1/answers", json=body) as reply:
        async for _ in reply.aiter_lines():
            break
    after = await until_settled(limited)
    ((_, _, written, micro_usd),) = await charged(limited)
    assert written == len("".join(said)) // 4, "as the stand-in counts"
    assert not limited.model.calls[0].gone, "only the end of a stream says what it cost"
    assert after.committed_micro_usd == micro_usd > 0


async def test_a_stream_that_breaks_after_its_reader_left_is_charged_its_reservation(limited: Service) -> None:
    limited.model.faults.append(Fault(pieces=("Marta Holm built it [1]. ", "In 1874 "), stall=100, cut=True))
    caller = await limited.state.identity.authenticate(limited.key)
    async with aclosing(limited.state.answers.stream(caller, Question(WHO))) as stream:
        await anext(stream)
    assert await charged(limited) == [], "its end could still say what it cost"
    await leap(100)
    after = await until_settled(limited)
    ((_, _, written, micro_usd),) = await charged(limited)
    assert (written, after.committed_micro_usd) == (512, micro_usd)


async def test_a_client_that_disconnects_before_the_first_token_is_charged_the_reservation(limited: Service) -> None:
    limited.model.faults.append(Fault(hang=1000))
    asking = asyncio.create_task(limited.ask(WHO, stream=True))
    await limited.asked()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await leap(101)
    after = await until_settled(limited)
    ((_, _, written, micro_usd),) = await charged(limited)
    assert written == 512
    assert after.committed_micro_usd == micro_usd


async def test_an_answer_that_was_stored_after_all_is_not_charged_twice(
    limited: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = repository.record

    async def late(*whole: Any) -> None:
        await record(*whole)
        raise TimeoutError

    with monkeypatch.context() as slow, capture_logs() as results:
        slow.setattr(repository, "record", late)
        assert (await limited.ask(WHO)).status_code == 504
        await limited.state.answers.close()
    assert "costs.charge_lost" not in [line["event"] for line in results]
    assert len(await limited.rows("select 1 from answers")) == 1
    ((*_, micro_usd),) = await charged(limited)
    after = await own_day(limited)
    assert (after.committed_micro_usd, after.held_micro_usd) == (micro_usd, 0)


async def test_a_trial_is_reserved_for_and_settled(limited: Service) -> None:
    principal = await limited.state.identity.authenticate(limited.key)
    release = limited.state.environments.current()
    trial = await limited.state.trials.run(release.id, principal, Question(WHO))
    after = await own_day(limited)
    assert (after.committed_micro_usd, after.held_micro_usd) == (trial.answer.cost_micro_usd, 0)
    await limit(limited, 10)
    trial = await limited.state.trials.run(release.id, principal, Question(WHO))
    assert trial.answer.model == "extractive"


async def test_fifty_concurrent_requests_never_exceed_the_limit(service: Service) -> None:
    usage, max_cost = await costs_of_a_call(service)
    most = usage + 10 * max_cost
    await limit(service, most)
    replies = await asyncio.gather(*(service.ask(WHO) for _ in range(50)))
    after = await own_day(service)
    total = usage + sum(reply.json()["cost_micro_usd"] for reply in replies if reply.status_code == 200)
    assert (after.committed_micro_usd, after.held_micro_usd) == (total, 0)
    assert total <= most
