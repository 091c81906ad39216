"""Each value of policies/slo.yaml: deadlines, admission under load, error budgets and the budgets of the load test."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from prometheus_client import REGISTRY

from app.adapters.chat.standin import Fault
from app.core.slo import SloPolicy
from benchmarks import load_test
from benchmarks.load_driver import Replies
from tests.clock import until
from tests.conftest import DEADLINE_SECONDS
from tests.crowds import CROWD, Ask, adapt, let_in, stopping
from tests.fields.conftest import changed_root
from tests.fields.test_ownership import approved, measured
from tests.fields.values import WHO, Bench, Running, Value, ids, nested
from tests.governance.conftest import person
from tests.monitoring.stored import PastAnswer, PastVersion, ago, store, store_versions
from tests.test_load_budgets import KEPT

Probe = Callable[[Running], Awaitable[Any]]
STEPS: dict[str, Any] = {"pressure": 0.3, "passages": 1}


def slots(service: Running) -> Any:
    return service.client._transport.app.state.admission.limits.by_path["/v1/answers"]  # type: ignore[attr-defined]


async def answered_by_its_model(service: Running) -> bool:
    """Whether an answer waits for a model that takes a second."""
    service.model.always = Fault(hang=1)
    return (await service.ask()).get("model") == "stand-in"


async def late(service: Running) -> bool:
    """Whether an answer whose model took more than 50 ms is late."""
    labels = {"environment": "production", "arm": "live"}
    before = REGISTRY.get_sample_value("app_answers_late_total", labels) or 0
    service.model.always = Fault(hang=0.06)
    await service.ask()
    return (REGISTRY.get_sample_value("app_answers_late_total", labels) or 0) > before


def ask(service: Running) -> Ask:
    return lambda: service.client.post("/v1/answers", json={"question": WHO})


async def places_at_first(service: Running) -> int:
    """How many of a crowd are with their model at a time in a process that has just started."""
    return await let_in(24, ask(service), service.model, "_reply")


def places_after(wait: float) -> Probe:
    """How many of a crowd are with their model at a time, after ready work has waited so many seconds for a while."""

    async def probe(service: Running) -> int:
        app = service.client._transport.app  # type: ignore[attr-defined]
        await adapt(app, wait, 80, ask(service), service.model, "_reply")
        return await let_in(80, ask(service), service.model, "_reply")

    return probe


async def second_of_two(service: Running) -> str:
    """What becomes of an answer that is asked for while another one takes the only place."""
    async with held(service, 1):
        second = asyncio.ensure_future(service.ask())
        await until(lambda: second.done() or len(slots(service)._waiting))
    reply = await second
    return str(reply.get("code") or reply["status"])


async def places_of_one_tenant(service: Running) -> int:
    """How many of its two answers are worked on at a time, in a service of two places, while others are active."""
    other = await service.state.identity.ensure_tenant(uuid4().hex)
    key = await service.state.identity.create_key(other, "other", ["user"])
    headers = {"authorization": f"Bearer {key.text}"}
    for given in (headers, {}, headers):  # whose tenant is known by its second request
        (await service.client.post("/v1/answers", json={"question": WHO}, headers=given)).raise_for_status()
    async with held(service, 2):
        return int(slots(service).in_use)


@asynccontextmanager
async def held(service: Running, answers: int) -> AsyncIterator[None]:
    """So many answers are asked for, and their model answers none of them before the end of the block."""
    with stopping(service.model, "_reply"):
        asked = [asyncio.ensure_future(service.ask()) for _ in range(answers)]
        await until(lambda: slots(service).in_use + len(slots(service)._waiting) == answers)
        yield
    await asyncio.gather(*asked)


def under(pressure: float, fails: bool = False) -> Probe:
    """What an answer did without, after the queue has been so full for a while."""

    async def probe(service: Running) -> tuple[str, ...]:
        brownout = service.state.answers.brownout
        brownout.observe(0, 0)
        brownout.observe(pressure, 1000)
        brownout._at = None  # as if no time had passed since
        service.model.always = Fault(500) if fails else None
        try:
            return tuple(each for each in (await service.ask())["reasons"] if each.startswith("overloaded"))
        finally:
            brownout.pressure, brownout.level, brownout._at = 0, 0, None

    return probe


async def window(service: Running) -> int:
    """Events of answers now and eight days ago."""
    before = (await standing(service, "undegraded")).events
    store(
        service.state.urls, [PastAnswer(service.tenant, at=ago(minutes=1)), PastAnswer(service.tenant, at=ago(days=8))]
    )
    return int((await standing(service, "undegraded")).events - before)


async def standing(service: Running, objective: str) -> Any:
    found = await service.state.monitoring.error_budgets.current()
    return next(each for each in found if each.objective == objective)


def forget_answers(service: Running) -> None:
    """Those of other values count too."""
    with psycopg.connect(service.state.urls.owner) as connection:
        connection.execute("set session_replication_role = replica")  # with what belongs to them
        connection.execute("delete from answers")


def state_of(objective: str) -> Probe:
    """The state of its budget after a hundred answers, a fifth of them bad in each way, and one failure in five."""

    async def probe(service: Running) -> str:
        tenant = service.tenant
        forget_answers(service)
        bad: dict[str, Any] = {"degraded": True, "total_ms": 10**6, "groundedness": 0.1}
        store(service.state.urls, [PastAnswer(tenant, **(bad if n % 5 == 0 else {})) for n in range(100)])
        store(service.state.urls, [PastAnswer(tenant, status="refused", groundedness=None) for _ in range(100)])
        return str((await standing(service, objective)).state)

    return probe


FAILED_ANSWERS = (
    "insert into answer_failures (tenant_id, id, at, environment, release_id, arm, unit, code) "
    "select '{tenant}', gen_random_uuid(), now(), 'production', repeat('0', 64), 'live', 'one', 'internal' "
    "from generate_series(1, 30)"
)
LATE_REVIEWS = (
    "insert into review_items (tenant_id, id, kind, subject_id, question, rule, timing, risk_tier, payload, digest, "
    "version, state, outcome, needed, self_approval, asker, groups, level, note, created_at, due_at, fence, "
    "decided_at, documents) "
    "select '{tenant}', gen_random_uuid(), 'answer', gen_random_uuid(), '', 'all', 'before', 'low', 'x', "
    "encode(sha256('x'), 'hex'), 1, case when n <= 30 then 'expired' else 'decided' end, "
    "case when n <= 30 then 'denied' else 'approved' end, 1, false, 'ada', '{{}}', 0, '', now(), now(), 1, "
    "now(), '{{}}' from generate_series(1, 100) n"
)
FAILED_JOBS = (
    "insert into job_counts (day, kind, done, failed) "
    "values ((now() at time zone 'utc')::date, gen_random_uuid(), 700, 300)"
)


def after(statement: str, objective: str) -> Probe:
    """The state of its budget after a hundred events, of which thirty were bad."""

    async def probe(service: Running) -> str:
        forget_answers(service)
        store(service.state.urls, [PastAnswer(service.tenant) for _ in range(70)])
        with psycopg.connect(service.state.urls.owner) as connection:
            connection.execute(statement.format(tenant=service.tenant).encode())
        return str((await standing(service, objective)).state)

    return probe


async def after_quarantines(service: Running) -> str:
    bad = [PastVersion(service.tenant, status="quarantined", quarantined="empty") for _ in range(30)]
    store_versions(service.state.urls, [*bad, *(PastVersion(service.tenant) for _ in range(70))])
    with psycopg.connect(service.state.urls.owner) as connection:
        ended = "update document_versions set characters = 1, ended_at = received_at where tenant_id = %s"
        connection.execute(ended, (service.tenant,))
    return str((await standing(service, "ingested")).state)


async def frozen(service: Running) -> bool:
    store(service.state.urls, [PastAnswer(service.tenant, degraded=True) for _ in range(500)])
    release = await measured(service)
    await approved(service, "bob", release=release)
    return "undegraded" in str(await service.state.approvals.lacking(release))


async def days_of_an_exception(service: Running) -> timedelta:
    release = await service.state.releases.create("ada")
    found = await service.state.monitoring.error_budgets.allow(person("eve"), release.id, "fix", "repairs it")
    return found.expires_at - found.at


def step(**changes: Any) -> dict[str, Any]:
    return {"overload": {"brownout": [{**STEPS, **changes}]}}


def places(number: int) -> dict[str, Any]:
    """So many answers at a time, for which others wait as long as it takes."""
    queue = {"min_answers": number, "initial_answers": number, "queue_seconds": 60}
    limits = {"concurrent_answers": number}
    return {"slo": {"answer_p95_ms": 600_000, "overload": queue}, "security": {"limits": limits}}


ONE_PLACE = places(1)
PRESSED = places_after(0.025)
BROWNOUT = {"slo": step()}
VALUES = [
    Value("slo.answer_p95_ms", 50, late, False, True),
    Value("slo.deadline_factor", 20, answered_by_its_model, False, True, {"slo": {"answer_p95_ms": 400}}),
    Value("slo.overload.initial_answers", 7, places_at_first, 16, 7, {"slo": CROWD}),
    Value("slo.overload.min_answers", 2, PRESSED, 4, 2, {"slo": CROWD}),
    Value("slo.overload.target_wait_ms", 900, PRESSED, 4, 64, {"slo": CROWD}),
    Value("slo.overload.queue_seconds", 0, second_of_two, "answered", "too_many_answers", ONE_PLACE),
    Value("slo.overload.max_waiting", 0, second_of_two, "answered", "too_many_answers", ONE_PLACE),
    Value("slo.overload.tenant_share", 0.4, places_of_one_tenant, 2, 1, places(2)),
    Value(
        "slo.overload.brownout.*.pressure", step(pressure=0.9), under(0.5), ("overloaded: 1 passages",), (), BROWNOUT
    ),
    Value(
        "slo.overload.brownout.*.passages",
        step(passages=2),
        under(0.5),
        ("overloaded: 1 passages",),
        ("overloaded: 2 passages",),
        BROWNOUT,
    ),
    Value(
        "slo.overload.brownout.*.second_model",
        step(second_model=False),
        under(0.5, fails=True),
        ("overloaded: 1 passages",),
        ("overloaded: 1 passages", "overloaded: no second model"),
        BROWNOUT,
        models=2,
    ),
    Value(
        "slo.overload.brownout.*.extractive",
        step(extractive=True),
        under(0.5),
        ("overloaded: 1 passages",),
        ("overloaded: 1 passages", "overloaded: no model"),
        BROWNOUT,
    ),
    Value("slo.objectives.window_days", 7, window, 2, 1),
    Value("slo.objectives.min_events", 100_000, state_of("undegraded"), "spent", "unjudged"),
    Value("slo.objectives.in_time", 0.5, state_of("in_time"), "spent", "left"),
    Value("slo.objectives.undegraded", 0.5, state_of("undegraded"), "spent", "left"),
    Value("slo.objectives.answered", 0.1, state_of("answered"), "spent", "left"),
    Value("slo.objectives.grounded", 0.5, state_of("grounded"), "spent", "left"),
    Value("slo.objectives.available", 0.5, after(FAILED_ANSWERS, "available"), "spent", "left"),
    Value("slo.objectives.reviewed", 0.5, after(LATE_REVIEWS, "reviewed"), "spent", "left"),
    Value("slo.objectives.ingested", 0.5, after_quarantines, "spent", "left"),
    Value("slo.objectives.processed", 0.5, after(FAILED_JOBS, "processed"), "spent", "left"),
    Value("slo.error_budget.freeze_on", ["reviewed"], frozen, True, False),
    Value("slo.error_budget.exception_days", 3, days_of_an_exception, timedelta(days=7), timedelta(days=3)),
]


@pytest.mark.parametrize("value", VALUES, ids=ids(VALUES))
async def test_a_value_decides_in_the_service(bench: Bench, value: Value, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SloPolicy, "deadline_seconds", DEADLINE_SECONDS)
    without, with_it = await bench.found(value)
    assert (without, with_it) == (value.without, value.with_it)


LOAD = [
    ("goodput", 0.95, "goodput is 0.9"),
    ("refusal_ratio", 0.05, "refusal_ratio is 0.1"),
    ("half_load_ratio", 1.5, "half_load_ratio is 2.0"),
    ("recovery_seconds", 0.5, "recovery_seconds is 1.0"),
]


@pytest.mark.parametrize(("name", "value", "said"), LOAD, ids=[name for name, *_ in LOAD])
async def test_a_budget_of_the_load_test_is_what_the_file_says(
    name: str, value: float, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def measured(*_: Any) -> Any:
        return replace(KEPT)

    @asynccontextmanager
    async def nowhere(*_: Any) -> Any:
        yield None

    for where, what in (("measure", measured), ("own_service", nowhere), ("write", lambda *_, **__: None)):
        monkeypatch.setattr(load_test, where, what)
    options = argparse.Namespace(url=None, short=False, seconds=1.0)
    await load_test.main(options, [])
    monkeypatch.setattr(load_test, "ROOT", changed_root(tmp_path / "changed", nested(f"slo.load_test.{name}", value)))
    with pytest.raises(SystemExit, match=said):
        await load_test.main(options, [])


async def test_the_load_test_asks_for_overload_times_the_capacity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_test, "write", lambda *_, **__: None)
    asked = []

    class Target:
        async def in_a_loop(self, *_: Any) -> Replies:
            return Replies([(n / 10, 200, 0.01) for n in range(50)], [False] * 50)

        async def open_loop(self, *phases: tuple[float, float]) -> Replies:
            asked.append(phases[0][1])
            return await self.in_a_loop()

    @asynccontextmanager
    async def target(*_: Any) -> Any:
        yield Target()

    monkeypatch.setattr(load_test, "own_service", target)
    monkeypatch.setattr(load_test, "ROOT", changed_root(tmp_path / "changed", nested("slo.load_test.overload", 7)))
    await load_test.main(argparse.Namespace(url=None, short=True, seconds=1.0), [])
    half, crowd = asked
    assert crowd == pytest.approx(2 * half * 7)
