"""Each value of policies/slo.yaml: deadlines, admission under load, error budgets and the budgets of the load test."""

import argparse
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app import main
from app.adapters.chat.standin import Fault
from app.core.slo import SloPolicy
from benchmarks import load_test
from benchmarks.load_driver import Replies
from tests.conftest import DEADLINE_SECONDS
from tests.fields.conftest import changed_root
from tests.fields.test_ownership import approved, measured
from tests.fields.values import Bench, Running, Value, ids, nested
from tests.governance.conftest import person
from tests.monitoring.stored import PastAnswer, ago, store
from tests.test_load_budgets import KEPT

Probe = Callable[[Running], Awaitable[Any]]
STEPS: dict[str, Any] = {"pressure": 0.3, "passages": 1}


def slots(service: Running) -> Any:
    return service.client._transport.app.state.admission.limits.by_path["/v1/answers"]  # type: ignore[attr-defined]


async def deadline(service: Running) -> float:
    """Of the release that answers, in seconds."""
    return float(service.state.answers.loaded_releases.by_id[service.state.environments.current().id].deadline_seconds)


async def late(service: Running) -> bool:
    """Whether an answer whose model took more than 50 ms is late."""
    labels = {"environment": "production", "arm": "live"}
    before = REGISTRY.get_sample_value("app_answers_late_total", labels) or 0
    service.model.always = Fault(hang=0.06)
    await service.ask()
    return (REGISTRY.get_sample_value("app_answers_late_total", labels) or 0) > before


async def places_at_first(service: Running) -> int:
    return int(slots(service).limit())


def places_after(wait: float) -> Probe:
    """The limit after ten intervals in which every place was used and ready work waited for so long."""

    async def probe(service: Running) -> int:
        adaptation = main._adaptation(service.state)
        for _ in range(30):
            adaptation.limit.update(wait, adaptation.limit.current)
        return adaptation.limit.current

    return probe


async def queue_rules(service: Running) -> tuple[float, int, float]:
    rules = slots(service).rules
    return rules.seconds, rules.longest, rules.tenant_share


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
    found = await service.state.monitoring.error_budgets.standing()
    return next(each for each in found if each.objective == objective)


def state_of(objective: str) -> Probe:
    """The state of its budget after a hundred answers, a fifth of them bad in each way, and one failure in five."""

    async def probe(service: Running) -> str:
        tenant = service.tenant
        bad: dict[str, Any] = {"degraded": True, "total_ms": 10**6, "groundedness": 0.1}
        store(service.state.urls, [PastAnswer(tenant, **(bad if n % 5 == 0 else {})) for n in range(100)])
        store(service.state.urls, [PastAnswer(tenant, status="refused", groundedness=None) for _ in range(100)])
        return str((await standing(service, objective)).state)

    return probe


def target(objective: str) -> Probe:
    async def probe(service: Running) -> float:
        return float((await standing(service, objective)).target)

    return probe


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


BROWNOUT = {"slo": step()}
VALUES = [
    Value("slo.answer_p95_ms", 50, late, False, True),
    Value("slo.deadline_factor", 3, deadline, 2.0, 3.0, {"slo": {"answer_p95_ms": 1000}}),
    Value("slo.overload.initial_answers", 7, places_at_first, 16, 7),
    Value("slo.overload.min_answers", 2, places_after(1.0), 4, 2),
    Value("slo.overload.target_wait_ms", 900, places_after(0.5), 4, 64),
    Value("slo.overload.queue_seconds", 0.25, queue_rules, (0.5, 256, 0.8), (0.25, 256, 0.8)),
    Value("slo.overload.max_waiting", 9, queue_rules, (0.5, 256, 0.8), (0.5, 9, 0.8)),
    Value("slo.overload.tenant_share", 0.4, queue_rules, (0.5, 256, 0.8), (0.5, 256, 0.4)),
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
    Value("slo.objectives.available", 0.5, target("available"), 0.995, 0.5),
    Value("slo.objectives.reviewed", 0.5, target("reviewed"), 0.95, 0.5),
    Value("slo.objectives.ingested", 0.5, target("ingested"), 0.9, 0.5),
    Value("slo.objectives.processed", 0.5, target("processed"), 0.99, 0.5),
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
