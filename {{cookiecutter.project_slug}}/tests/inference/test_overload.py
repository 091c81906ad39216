"""Overload on the real path: the queue, fairness between tenants, and what answers do without before any is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from app.adapters.chat.standin import Fault
from app.core.slo import SloPolicy
from app.core.slots import LIMIT, RETRY_SECONDS
from tests.clock import leap, until
from tests.conftest import override
from tests.inference.conftest import BRIDGE, TOWER, Open, Service, loaded
from tests.inference.forms import FORMS, WHO, ask

LONG = 100_000.0
WAITING = 'app_requests_waiting{kind="answers"}'


@asynccontextmanager
async def crowded(open_service: Open, models: int = 1, **rules: object) -> AsyncIterator[Service]:
    """A service that works on one answer at a time, with changed rules of its overload policy."""
    service = await open_service(models=models)
    override(service.state.policies.get(SloPolicy).overload, queue_seconds=LONG, **rules)
    override(service.state.answers, max_concurrent=1)
    await service.publish(TOWER)
    await service.publish(BRIDGE)
    async with loaded(service.state) as service.url:
        yield service


async def metric(service: Service, line: str) -> float:
    async with service.client() as client:
        text = (await client.get("/metrics")).text
    return float(next((each.split()[-1] for each in text.splitlines() if each.startswith(line)), 0))


async def metric_is(service: Service, line: str, value: float) -> bool:
    return await metric(service, line) == value


async def test_the_limit_adapts_while_the_service_runs(open_service: Open) -> None:
    service = await open_service()
    LIMIT.labels("answers").set(0)
    async with loaded(service.state):
        await until(lambda: REGISTRY.get_sample_value("app_requests_limit", {"kind": "answers"}))


async def test_a_waiting_question_of_a_quiet_tenant_comes_before_those_of_a_loud_one(open_service: Open) -> None:
    async with crowded(open_service) as service:
        other = await service.state.identity.ensure_tenant(f"quiet-{uuid4().hex}")
        quiet = (await service.state.identity.create_key(other, "k", ["user"])).text
        await service.publish(TOWER, tenant=other)
        for known in (service.key, quiet):
            assert (await service.ask(WHO, known)).status_code == 200
        before = len(service.model.calls)
        service.model.always = Fault(hang=100)
        asking = [asyncio.ensure_future(ask(service, form)) for form in FORMS]
        await until(lambda: len(service.model.calls) == before + 1)
        await until(lambda: metric_is(service, WAITING, 3))
        asking.append(asyncio.ensure_future(ask(service, "stream", "When was the lighthouse built?", bearer=quiet)))
        await until(lambda: metric_is(service, WAITING, 4))
        async with service.client() as client:
            assert (await client.get("/health/ready")).status_code == 200, "health never queues"
        service.model.always = None
        await leap(100)
        assert {(await each).status for each in asking} == {200}
        assert "When was" in str(service.model.calls[before + 1].body), "the quiet tenant was next"
        assert len(await service.rows("select 1 from answers")) == 5
        assert len(await service.rows("select 1 from answers", other)) == 2


async def test_a_question_without_a_place_is_refused_at_once_in_all_forms(open_service: Open) -> None:
    async with crowded(open_service, max_waiting=0) as service:
        service.model.always = Fault(hang=100)
        answered = asyncio.ensure_future(service.ask(WHO))
        await service.asked(1)
        refused = 'app_requests_refused_total{kind="answers",reason="full"}'
        before = await metric(service, refused)
        for form in FORMS:
            reply = await ask(service, form)
            assert (reply.status, reply.answer["code"]) == (503, "too_many_answers"), form
            assert ("error" in reply.answer) == form.startswith("openai")
        async with service.client() as client:
            for _ in range(2):  # over one connection, the second after a pause
                named = {"x-request-id": "request-1"}
                bare = await client.post("/v1/answers", content=b"not even JSON", headers=named)
                assert int(bare.headers["retry-after"]) in RETRY_SECONDS
                assert bare.json()["request_id"] == bare.headers["x-request-id"] == "request-1"
            assert (await client.get("/v1/caller")).status_code == 200, "another kind of request has its own slots"
        assert await metric(service, refused) == before + 6
        await leap(100)
        assert (await answered).status_code == 200


async def test_nothing_is_worked_on_after_it_has_waited_too_long(open_service: Open) -> None:
    async with crowded(open_service) as service:
        assert (await service.ask(WHO)).status_code == 200
        before = len(service.model.calls)
        service.model.faults.append(Fault(hang=300))
        waits = await metric(service, 'app_request_wait_seconds_count{kind="answers"}')
        first = asyncio.ensure_future(service.ask(WHO))
        await until(lambda: len(service.model.calls) == before + 1)
        assert await metric(service, 'app_requests_at_work{kind="answers"}') == 1
        assert await metric(service, "app_answers_active") == 1
        assert await metric(service, 'app_request_wait_seconds_count{kind="answers"}') == waits + 1
        late = asyncio.ensure_future(ask(service, "openai stream"))
        await until(lambda: metric_is(service, WAITING, 1))
        await leap(151)  # a quarter of the deadline
        assert (await late).answer["code"] == "too_many_answers"
        assert len(service.model.calls) == before + 1
        assert await metric(service, 'app_requests_refused_total{kind="answers",reason="waited"}') >= 1
        await leap(150)
        assert (await first).json()["degraded"] is False


async def test_the_wait_is_part_of_the_deadline(open_service: Open) -> None:
    async with crowded(open_service) as service:
        assert (await service.ask(WHO)).status_code == 200
        before = len(service.model.calls)
        service.model.faults.extend((Fault(hang=100), Fault(hang=480)))
        first = asyncio.ensure_future(service.ask(WHO))
        await until(lambda: len(service.model.calls) == before + 1)
        second = asyncio.ensure_future(service.ask(WHO))
        await until(lambda: metric_is(service, WAITING, 1))
        await leap(100)
        assert not (await first).json()["degraded"]
        await until(lambda: len(service.model.calls) == before + 2)
        await leap(490)
        assert (await second).json()["reasons"] == ["stand-in: model_timeout"], "500 of its 600 seconds were left"


@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_says_what_it_did_without(open_service: Open, form: str) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    brownout = service.state.answers.brownout

    async def under(pressure: float, **body: object) -> dict[str, object]:
        brownout.pressure = pressure
        reply = await ask(service, form, **body)
        assert reply.status == 200
        return {name: reply.answer[name] for name in ("degraded", "reasons", "model")}

    assert await under(0.0) == {"degraded": False, "reasons": [], "model": "stand-in"}
    fewer = ["overloaded: 4 passages"]
    assert await under(0.6) == {"degraded": True, "reasons": fewer, "model": "stand-in"}
    service.models[0].always = Fault(status=400)
    assert await under(0.6) == {
        "degraded": True,
        "reasons": [*fewer, "stand-in: model_unacceptable"],
        "model": "stand-by",
    }
    first_alone = await under(0.85)
    assert first_alone["model"] == "extractive"
    assert first_alone["reasons"] == [*fewer, "overloaded: no second model", "stand-in: model_unacceptable"]
    calls = sum(len(each.calls) for each in service.models)
    assert await under(1.0) == {"degraded": True, "reasons": ["overloaded: no model"], "model": "extractive"}
    assert sum(len(each.calls) for each in service.models) == calls
