"""Each value of policies/monitoring.yaml and business.yaml decides what the worker finds in stored traffic."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.core.clock import ManualClock
from app.identity.domain import Principal
from app.monitoring.domain.data_health.health_signal import IN_PROCESS
from app.monitoring.domain.drift.signals import LOOKS_A_DAY, PERIOD_DAYS, SIGNALS
from app.monitoring.domain.failures.patterns import Failure
from app.monitoring.domain.outcomes import OutcomeReport
from app.wiring import State
from tests.fields.conftest import Changed, merged
from tests.fields.values import nested
from tests.monitoring.service.test_data_health import month
from tests.monitoring.service.test_drift_reference import answers
from tests.monitoring.service.test_failure_patterns import LEAVE, VPN
from tests.monitoring.stored import PastAnswer, PastVersion, store, store_versions
from tests.monitoring.traffic import Traffic, record_of

SMALL = {"monitoring": {"drift": {"min_reference": 100, "window": 100, "step": 20}}}
LOOKS = len(SIGNALS) * PERIOD_DAYS * LOOKS_A_DAY
"""Among which the chance of a false alarm is divided."""


@dataclass
class Watched:
    """A tenant of a service, with a clock of its own."""

    state: State
    tenant: UUID
    clock: ManualClock

    @property
    def caller(self) -> Principal:
        return Principal(self.tenant, uuid4(), "ops", frozenset({"operator", "admin"}), frozenset())

    async def only(self) -> list[UUID]:
        return [self.tenant]

    def past(self, *these: PastAnswer) -> None:
        store(self.state.urls, these)

    def ago(self, **time: float) -> datetime:
        return self.clock.now() - timedelta(**time)

    def at_its_clock(self, service: Any, **more: Any) -> Any:
        return replace(service, clock=self.clock, **more)

    async def drift(self) -> dict[str, Any]:
        analysis = self.at_its_clock(self.state.monitoring.drift, tenants=self.only)
        return {each.check.signal: each for each in await analysis.run(self.tenant)}

    async def health(self) -> dict[tuple[str, str], Any]:
        check = self.at_its_clock(self.state.monitoring.data_health, tenants=self.only)
        return {(each.signal, each.subject): each for each in await check.check(self.tenant)}

    async def patterns(self) -> list[Any]:
        return list(await self.at_its_clock(self.state.monitoring.failures).run(self.tenant))


Probe = Callable[[Watched], Awaitable[Any]]


def usual_week(there: Watched, count: int = 120, **values: Any) -> None:
    there.past(*answers(there.tenant, count, there.ago(days=20), **values))


def recent(there: Watched, count: int = 120, total_ms: float = 9000, **values: Any) -> None:
    there.past(*answers(there.tenant, count, there.ago(minutes=1), total_ms=total_ms, **values))


def drifting(signal: str, what: Callable[[Any], Any], week: int = 120, now: int = 160) -> Probe:
    async def probe(there: Watched) -> Any:
        usual_week(there, week)
        recent(there, now)
        found = await there.drift()
        return what(found[signal]) if found else None

    return probe


def after_a_week_of(**values: Any) -> Probe:
    """Whether a week is pinned in which a third of the answers were so."""

    async def probe(there: Watched) -> bool:
        usual_week(there, 80)
        there.past(*answers(there.tenant, 40, there.ago(days=20, hours=3), **values))
        await name_refusals(there)
        recent(there)
        return bool(await there.drift())

    return probe


async def name_refusals(there: Watched) -> None:
    statement = "update answers set body = body || '{\"refusal\": \"off_topic\"}' where status = 'refused'"
    async with there.state.database.transaction(there.tenant) as connection:
        await connection.execute(text(statement))


async def days_of_the_reference(there: Watched) -> timedelta:
    usual_week(there)
    recent(there)
    drift = there.at_its_clock(there.state.monitoring.drift, tenants=there.only)
    await drift.run(there.tenant)
    references = (await drift.report(there.caller)).references
    return references.questions.until - references.questions.since


async def refusals_drift(there: Watched) -> bool:
    usual_week(there)
    recent(there, 80)
    recent(there, 40, status="refused")
    await name_refusals(there)
    return bool((await there.drift())["refusals"].drifted)


async def embedded_in_one_run(there: Watched) -> int:
    usual_week(there, 30)
    drift = there.state.monitoring.drift
    records = await drift.records.all(there.tenant, there.ago(days=30), there.clock.now(), 100)
    return len(await drift.vectors.of(there.tenant, records))


def healthy(signal: str, subject: str, fill: Callable[[Watched], None], what: str = "unhealthy") -> Probe:
    async def probe(there: Watched) -> Any:
        fill(there)
        row = (await there.health()).get((signal, subject))
        return getattr(row, what) if row else None

    return probe


def versions(there: Watched, *these: PastVersion) -> None:
    store_versions(there.state.urls, these)


def flood(there: Watched) -> None:
    versions(there, *month(there.tenant, there.clock.now(), 60))


def more_copies(there: Watched) -> None:
    now = there.clock.now()
    bad = [PastVersion(there.tenant, now - timedelta(hours=3), copy_of="the document itself") for _ in range(20)]
    versions(there, *month(there.tenant, now, 10), *bad)


def more_in_the_last_week(there: Watched) -> None:
    """Ten a day for three weeks, and then five."""
    now = there.clock.now()
    days = [(day, 5 if day <= 7 else 10) for day in range(28)]
    versions(
        there,
        *(PastVersion(there.tenant, now - timedelta(days=day, hours=1)) for day, many in days for _ in range(many)),
    )


def five_days(there: Watched) -> None:
    now = there.clock.now()
    versions(
        there, *(PastVersion(there.tenant, now - timedelta(days=day, hours=1)) for day in range(6) for _ in range(9))
    )


def silent(there: Watched) -> None:
    versions(there, *month(there.tenant, there.clock.now() - timedelta(days=3), 10))


def waiting(there: Watched) -> None:
    versions(there, PastVersion(there.tenant, there.ago(minutes=20), status="processing"))


def seldom_cited(there: Watched) -> None:
    """Six of thirty documents are cited."""
    old = [PastVersion(there.tenant, there.ago(days=40)) for _ in range(30)]
    versions(there, *old)
    there.past(*(PastAnswer(there.tenant, there.ago(days=1), cited=[old[n % 6].id]) for n in range(24)))


def failing(*hours: float, questions: list[str] = VPN) -> Callable[[Watched], Awaitable[None]]:
    async def fill(there: Watched) -> None:
        traffic = Traffic(there.state, there.tenant, there.clock)
        for hour in hours:
            for question in questions:
                await traffic.answer(question, degraded=True, reasons=("gpt: truncated",), ago=timedelta(hours=hour))
        for question in LEAVE:
            await traffic.answer(f"Fine: {question}", ago=timedelta(hours=hours[0]))

    return fill


def patterns(fill: Callable[[Watched], Awaitable[None]], what: Callable[[list[Any]], Any]) -> Probe:
    async def probe(there: Watched) -> Any:
        await fill(there)
        return what(await there.patterns())

    return probe


async def many_failures(there: Watched) -> None:
    there.past(*(PastAnswer(there.tenant, there.ago(hours=1), degraded=True) for _ in range(120)))


def failures_in(found: list[Any]) -> int:
    return sum(each.failures for each in found)


def groups_of(found: list[Any]) -> list[tuple[int, bool]]:
    return [(each.failures, each.mixed) for each in found]


async def stored_runs(there: Watched) -> int:
    await failing(1)(there)
    await there.patterns()
    there.clock.advance(timedelta(days=3).total_seconds())
    await there.patterns()
    async with there.state.database.read(there.tenant) as connection:
        return int(
            (await connection.execute(text("select count(distinct found_at) from failure_patterns"))).scalar_one()
        )


async def hours_between_runs(there: Watched) -> float:
    [check] = [each for each in there.state.monitoring.upkeep.checks if each.kind == "failures"]
    return check.every / timedelta(hours=1)


def harm(problem: bool = False, **record: Any) -> Probe:
    async def probe(there: Watched) -> float:
        weights = there.state.monitoring.failures.policy.harm
        if problem:
            await Traffic(there.state, there.tenant, there.clock).fail("internal", timedelta(hours=1))
            return float((await there.patterns())[0].harm)
        return Failure.of(record_of(there.clock, **record), weights).harm

    return probe


MANY = LEAVE + VPN
VALUES: list[tuple[str, Any, Probe, Any, Any]] = [
    ("max_embedded", 10, embedded_in_one_run, 30, 10),
    ("drift.alpha", 0.01, drifting("latency", lambda found: round(found.check.alpha * LOOKS, 6)), 0.05, 0.01),
    ("drift.reference_days", 3, days_of_the_reference, timedelta(days=7), timedelta(days=3)),
    ("drift.min_reference", 200, drifting("latency", lambda found: found.drifted), True, None),
    ("drift.max_reference", 110, drifting("latency", lambda found: found.check.reference), 120, 110),
    ("drift.max_refused", 0.1, after_a_week_of(status="refused"), True, False),
    ("drift.max_degraded", 0.5, after_a_week_of(degraded=True), False, True),
    ("drift.window", 150, drifting("latency", lambda found: found.check.window), 100, 150),
    ("drift.step", 200, drifting("latency", lambda found: found.drifted), True, None),
    ("drift.min_share", 0.9, refusals_drift, True, False),
    ("drift.min_shift", 1000, drifting("latency", lambda found: found.drifted), True, False),
    ("health.alpha", 1e-300, healthy("duplicates", "all sources", more_copies), True, False),
    ("health.days", 7, healthy("volume", "prices", more_in_the_last_week, "usual"), 8.7, 5),
    ("health.min_days", 10, healthy("volume", "prices", five_days), False, None),
    ("health.min_cases", 1000, healthy("volume", "prices", flood), True, False),
    ("health.max_gap_factor", 10, healthy("freshness", "prices", silent), True, False),
    ("health.min_rise", 0.9, healthy("duplicates", "all sources", more_copies), True, False),
    ("health.max_process_hours", 0.1, healthy("index", IN_PROCESS, waiting), False, True),
    ("health.max_never_cited", 0.5, healthy("never_cited", "all sources", seldom_cited), False, True),
    ("failures.window_days", 1, patterns(failing(1, 48), failures_in), 10, 5),
    ("failures.every_hours", 2, hours_between_runs, 6, 2),
    ("failures.similarity", 0.99, patterns(failing(1), groups_of), [(5, False)], [(5, True)]),
    ("failures.min_failures", 6, patterns(failing(1), groups_of), [(5, False)], [(5, True)]),
    ("failures.max_failures", 100, patterns(many_failures, failures_in), 120, 100),
    ("failures.max_patterns", 1, patterns(failing(1, questions=MANY), len), 2, 1),
    ("failures.keep_days", 1, stored_runs, 2, 1),
    ("failures.harm.problem", 50, harm(problem=True), 3, 50),
    ("failures.harm.rejected", 50, harm(outcome="rejected"), 3, 50),
    ("failures.harm.unhelpful", 50, harm(helpful=False), 2, 50),
    ("failures.harm.refused", 50, harm(refusal="off_topic"), 1, 50),
    ("failures.harm.degraded", 50, harm(degraded=True), 0.5, 50),
]


@pytest_asyncio.fixture(scope="module")
async def plain(changed: Changed) -> AsyncIterator[State]:
    async with changed(live=False, **SMALL) as built:
        yield built


async def found(state: State, probe: Probe) -> Any:
    tenant = await state.identity.ensure_tenant(uuid4().hex)
    return await probe(Watched(state, tenant, ManualClock(datetime.now(UTC))))


@pytest.mark.parametrize(
    ("name", "value", "probe", "without", "with_it"), VALUES, ids=[f"monitoring.{name}" for name, *_ in VALUES]
)
async def test_a_value_decides_what_is_found(
    changed: Changed, plain: State, name: str, value: Any, probe: Probe, without: Any, with_it: Any
) -> None:
    before = await found(plain, probe)
    async with changed(live=False, **merged(SMALL, nested(f"monitoring.{name}", value))) as state:
        assert (before, await found(state, probe)) == (without, with_it)


PASSWORD = "How do I reset my password?"


async def deflected_twice(there: Watched, words: str, hours: float) -> Any:
    """A deflected question, after which the same caller asks these words."""
    first = PastAnswer(there.tenant, there.ago(hours=30), question=PASSWORD, unit="c-1")
    there.past(first, PastAnswer(there.tenant, there.ago(hours=30 - hours), question=words, unit="c-1"))
    business = there.at_its_clock(there.state.monitoring.business)
    await business.record(there.caller, OutcomeReport(first.id, "deflected"))
    return await business.report(there.caller)


async def reasked_after_two_hours(there: Watched) -> int:
    return int((await deflected_twice(there, PASSWORD, 2)).total.reasked)


async def reasked_in_other_words(there: Watched) -> int:
    return int((await deflected_twice(there, "How do I reset my old broken door?", 2)).total.reasked)


async def days_of_a_report(there: Watched) -> timedelta:
    report = await there.at_its_clock(there.state.monitoring.business).report(there.caller)
    return report.until - report.since


async def worth(there: Watched) -> tuple[int, float]:
    answer = PastAnswer(there.tenant, there.ago(hours=3), micro_usd=0)
    there.past(answer)
    business = there.at_its_clock(there.state.monitoring.business)
    await business.record(there.caller, OutcomeReport(answer.id, "resolved"))
    total = (await business.report(there.caller)).total
    return total.escalated, total.value_usd.value


BUSINESS: list[tuple[str, Any, Probe, Any, Any]] = [
    ("business.reask_hours", nested("reask_hours", 1), reasked_after_two_hours, 1, 0),
    ("business.reask_overlap", nested("reask_overlap", 0.1), reasked_in_other_words, 0, 1),
    ("business.report_days", nested("report_days", 3), days_of_a_report, timedelta(days=30), timedelta(days=3)),
    ("business.outcomes.*.means", nested("outcomes.resolved.means", "escalated"), worth, (0, 4), (1, 4)),
    ("business.outcomes.*.value_usd", nested("outcomes.resolved.value_usd", 9), worth, (0, 4), (0, 9)),
]


@pytest.mark.parametrize(
    ("field", "value", "probe", "without", "with_it"), BUSINESS, ids=[field for field, *_ in BUSINESS]
)
async def test_a_value_decides_what_answers_are_worth(
    changed: Changed, plain: State, field: str, value: Any, probe: Probe, without: Any, with_it: Any
) -> None:
    before = await found(plain, probe)
    async with changed(live=False, business=value) as state:
        assert (before, await found(state, probe)) == (without, with_it)
