"""Each value of policies/quality.yaml decides on releases, canaries and the scores of live answers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from app.core.background import background
from app.evaluation.domain.canary import CanaryDecision, CanaryStatus, evaluate_canary
from app.evaluation.domain.gate import GateResult, MetricFinding, apply_gate
from app.evaluation.domain.scores import RunScores
from app.evaluation.service import CanaryMonitor
from app.releases.domain import EvaluationEvidence, Release
from app.wiring import State
from tests.clock import leap, until
from tests.evaluation.domain.test_canary import every, sample_answers
from tests.evaluation.sample_scores import SUITE, case
from tests.fields.conftest import Changed, merged
from tests.governance.conftest import person, unlike_any_other

Probe = Callable[[State], Awaitable[Any]]
FACTS = "answer_facts"


def run(
    release: str, values: Callable[[int], float], cases: int = 60, slices: Sequence[str] = (), protected: bool = False
) -> RunScores:
    made = tuple(case(n, {FACTS: values(n)}, slices, protected) for n in range(cases))
    return RunScores(release * 64, "golden", SUITE, made)


def gate(state: State, candidate: RunScores, baseline: RunScores | None) -> GateResult:
    """By the policy with which the evaluations of this service judge."""
    return apply_gate(candidate, baseline, state.evaluations.policy_file.policy, seed=1)


def judged(
    what: Callable[[MetricFinding], Any],
    fell: int,
    cases: int = 60,
    slices: Sequence[str] = (),
    by: float = 1.0,
    baseline: bool = True,
) -> Probe:
    """What is found where so many of the cases fell, on the whole or in the one slice."""

    async def probe(state: State) -> Any:
        before = run("b", lambda _: 1.0, cases, slices) if baseline else None
        after = run("c", lambda n: 1.0 - by * (n < fell), cases, slices)
        findings = gate(state, after, before).findings
        return what(next(each for each in findings if each.slice in (slices or ("",)) or not slices))

    return probe


def verdict(finding: MetricFinding) -> str:
    return finding.verdict


def protected(before: float | None, after: float) -> Probe:
    async def probe(state: State) -> int:
        live = None if before is None else run("b", lambda _: before, protected=True)
        return len(gate(state, run("c", lambda n: after if n == 0 else 1.0, protected=True), live).fallen)

    return probe


RULE = {"tier": "critical", "tolerance": 0.1, "floor": 0.1, "slice_floor": 0.1}
GIVEN = {"quality": {"metrics": {FACTS: RULE}}}


def metric(**changes: Any) -> dict[str, Any]:
    return {"metrics": {FACTS: {**RULE, **changes}}}


def small_slices(**changes: Any) -> dict[str, Any]:
    return {"slices": {"minimum_cases": 5, "minimum_clusters": 2, **changes}}


ODD = ("odd",)
GATE: list[tuple[str, Any, Any, Probe, Any, Any]] = [
    ("alpha", {}, {"alpha": 0.4}, judged(verdict, 7), "INCONCLUSIVE", "FAIL"),
    ("power", {}, {"power": 0.99}, judged(lambda each: (each.detectable or 0) > 0.2, 9), False, True),
    ("resamples", {}, {"resamples": 1000}, judged(lambda each: round(1 / (each.p or 1)), 60), 4001, 1001),
    ("minimum_cases", {}, {"minimum_cases": 100}, judged(verdict, 1), "PASS", "INCONCLUSIVE"),
    ("minimum_clusters", {}, {"minimum_clusters": 50}, judged(verdict, 1), "PASS", "INCONCLUSIVE"),
    ("metrics.*.tier", {}, metric(tier="advisory"), judged(lambda each: each.blocking, 30), True, False),
    ("metrics.*.tolerance", {}, metric(tolerance=0.9), judged(verdict, 30), "FAIL", "PASS"),
    ("metrics.*.floor", {}, metric(floor=0.99), judged(verdict, 1), "PASS", "FAIL"),
    (
        "metrics.*.slice_floor",
        {},
        metric(slice_floor=0.99),
        judged(lambda each: each.floor, 1, slices=ODD),
        0.1,
        0.99,
    ),
    (
        "slices.minimum_cases",
        small_slices(),
        small_slices(minimum_cases=20),
        judged(verdict, 3, 12, ODD),
        "INCONCLUSIVE",
        "PASS",
    ),
    (
        "slices.minimum_clusters",
        small_slices(),
        small_slices(minimum_clusters=20),
        judged(verdict, 3, 12, ODD),
        "INCONCLUSIVE",
        "PASS",
    ),
    ("slices.steepest_fall", {}, {"slices": {"steepest_fall": 0.9}}, judged(verdict, 6, 12, ODD), "FAIL", "PASS"),
    (
        "slices.tolerance_factor",
        {},
        {"slices": {"tolerance_factor": 5}},
        judged(lambda each: each.tolerance, 1, slices=ODD),
        0.2,
        0.5,
    ),
    (
        "slices.default_risk",
        {},
        {"slices": {"default_risk": "low"}},
        judged(lambda e: e.blocking, 1, slices=ODD),
        True,
        False,
    ),
    (
        "slices.gated.low",
        {"slices": {"default_risk": "low"}},
        {"slices": {"gated": {"low": [FACTS]}}},
        judged(lambda each: each.blocking, 1, slices=ODD),
        False,
        True,
    ),
    (
        "slices.gated.medium",
        {},
        {"slices": {"gated": {"medium": []}}},
        judged(lambda e: e.blocking, 1, slices=ODD),
        True,
        False,
    ),
    (
        "slices.gated.high",
        {"slices": {"default_risk": "high"}},
        {"slices": {"gated": {"high": []}}},
        judged(lambda each: each.blocking, 1, slices=ODD),
        True,
        False,
    ),
    (
        "slices.named.*.risk",
        {},
        {"slices": {"named": {"odd": {"risk": "low"}}}},
        judged(lambda each: each.blocking, 1, slices=ODD),
        True,
        False,
    ),
    (
        "slices.named.*.floors",
        {},
        {"slices": {"named": {"odd": {"floors": {FACTS: 0.7}}}}},
        judged(lambda each: each.floor, 1, slices=ODD),
        0.1,
        0.7,
    ),
    ("protected.metrics", {}, {"protected": {"metrics": ["safety"]}}, protected(1.0, 0.5), 1, 60),
    ("protected.minimum", {}, {"protected": {"minimum": 0.2}}, protected(None, 0.3), 1, 0),
]


@pytest_asyncio.fixture(scope="module")
async def plain(changed: Changed) -> AsyncIterator[State]:
    async with changed(live=False, **GIVEN) as built:
        yield built


async def compared(
    changed: Changed, plain: State, given: Mapping[str, Any], value: Any, probe: Probe
) -> tuple[Any, Any]:
    """Without and with the value. given: of both."""
    if given:
        async with changed(live=False, **merged(GIVEN, {"quality": given})) as state:
            before = await probe(state)
    else:
        before = await probe(plain)
    async with changed(live=False, **merged(GIVEN, {"quality": merged(dict(given), value)})) as state:
        return before, await probe(state)


def named(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    return [f"quality.{row[0]}" for row in rows]


@pytest.mark.parametrize(("name", "given", "value", "probe", "without", "with_it"), GATE, ids=named(GATE))
async def test_a_value_decides_at_the_gate(
    changed: Changed, plain: State, name: str, given: Any, value: Any, probe: Probe, without: Any, with_it: Any
) -> None:
    assert await compared(changed, plain, given, value, probe) == (without, with_it)


def canary(count: int, step: int = 0, hours: float = 1, **worse: Any) -> Probe:
    """The verdict on so many answers, of which every so-many-th is worse than those of the control."""

    async def probe(state: State) -> str:
        answers = sample_answers(count)
        tried = every(step, answers, **worse) if step else answers
        return evaluate_canary(sample_answers(3000), tried, state.canaries.policy, timedelta(hours=hours)).verdict

    return probe


def harms(**changes: Any) -> dict[str, Any]:
    return {"canary": {"harms": {"errors": {"margin": 0.03, "evidence": True, **changes}}}}


def wants_feedback() -> dict[str, Any]:
    """Evidence of a metric that nobody gave any of."""
    return {"canary": {"harms": {"feedback": {"margin": 0.1, "evidence": True}}}}


CANARY: list[tuple[str, Any, Any, Probe, Any, Any]] = [
    ("canary.minimum_answers", {}, {"canary": {"minimum_answers": 2000}}, canary(600), "PASS", "HOLD"),
    ("canary.minimum_units", {}, {"canary": {"minimum_units": 1000}}, canary(600), "PASS", "HOLD"),
    ("canary.deadline_hours", {}, {"canary": {"deadline_hours": 2}}, canary(30, hours=3), "HOLD", "FAIL"),
    ("canary.alpha", {}, {"canary": {"alpha": 1e-9}}, canary(600, 14, failed=True), "FAIL", "HOLD"),
    ("canary.harms.*.margin", {}, harms(margin=0.9), canary(600, 4, failed=True), "FAIL", "PASS"),
    ("canary.harms.*.evidence", {}, wants_feedback(), canary(600), "PASS", "HOLD"),
]


@pytest.mark.parametrize(("name", "given", "value", "probe", "without", "with_it"), CANARY, ids=named(CANARY))
async def test_a_value_decides_on_a_canary(
    changed: Changed, plain: State, name: str, given: Any, value: Any, probe: Probe, without: Any, with_it: Any
) -> None:
    assert await compared(changed, plain, given, value, probe) == (without, with_it)


async def approved(state: State) -> Release:
    release = await state.releases.create("ana", changes=unlike_any_other())
    evidence = EvaluationEvidence(uuid4().hex * 2, "PASS")
    async with state.database.transaction(None) as connection:
        await state.releases.mark_evaluated(connection, release.id, "tests", evidence)
    for name in ("bob", "eve"):
        await state.approvals.approve(person(name), release.id, "read the report")
    return release


async def canary_of(state: State) -> float:
    release = await approved(state)
    await state.rollouts.start_canary("ana", release.id, None, "a test needs it")
    started = state.environments.served().pointer.canary
    await state.rollouts.end_canary("ana", "it was tried")
    assert started
    return started.percent


async def test_a_canary_gets_the_percent_of_the_policy_where_nobody_names_another(changed: Changed) -> None:
    for percent in (10, 25):
        async with changed(quality={"canary": {"percent": percent}}) as state:
            assert await canary_of(state) == percent


@pytest.mark.parametrize(("promote", "live"), [("by_hand", False), ("automatic", True)])
async def test_a_canary_that_passed_goes_live_by_itself_if_the_policy_says_so(
    changed: Changed, promote: str, live: bool
) -> None:
    async with changed(quality={"canary": {"promote": promote}}) as state:
        release = await approved(state)
        await state.rollouts.start_canary("ana", release.id, None, "a test needs it")
        await state.canaries._act(release.id, CanaryDecision("PASS", ("nothing is worse",)))
        assert (state.environments.current().id == release.id) is live
        if not live:
            await state.rollouts.end_canary("ana", "it was tried")


class CountingMonitor(CanaryMonitor):
    """Only counts when it would judge."""

    async def enforce(self) -> CanaryStatus | None:
        LOOKS.append(self)
        return None


LOOKS: list[CanaryMonitor] = []


async def test_a_canary_is_judged_every_check_every_seconds(changed: Changed) -> None:
    async with changed(live=False, quality={"canary": {"check_every_seconds": 7}}) as state:
        own = {each.name: getattr(state.canaries, each.name) for each in fields(CanaryMonitor) if each.init}
        LOOKS.clear()
        async with background(CountingMonitor(**own).watch):
            await until(lambda: len(LOOKS) == 1)
            for seconds, looks in ((6, 1), (2, 2)):
                await leap(seconds)
                await leap(0)
                assert len(LOOKS) == looks
