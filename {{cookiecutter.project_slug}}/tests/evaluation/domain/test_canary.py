from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import log

import pytest

from app.evaluation.domain.canary import HARMS, CanaryDecision, evaluate_canary
from app.evaluation.domain.policy import CANARY_METRICS, CanaryPolicy
from benchmarks.canary_simulation import CLEAN, HARMFUL, SAMPLE, Traffic, simulate

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
POLICY = CanaryPolicy()


@dataclass(frozen=True)
class SampleAnswer:
    """A typical answer; a conversation has three."""

    unit: str
    failed: bool = False
    refused: bool = False
    findings: int = 0
    groundedness: float | None = 0.95
    latency_ms: float = 900.0
    micro_usd: int = 400
    helpful: bool | None = None


def sample_answers(count: int, **fields: object) -> list[SampleAnswer]:
    """Answers whose latency and cost vary slightly."""
    return [
        replace(
            SampleAnswer(f"u{number // 3}", latency_ms=900.0 + 37 * (number % 7), micro_usd=400 + 11 * (number % 5)),
            **fields,  # type: ignore[arg-type]
        )
        for number in range(count)
    ]


def every(step: int, answers: Sequence[SampleAnswer], **fields: object) -> list[SampleAnswer]:
    return [
        replace(each, **fields) if number % step == 0 else each  # type: ignore[arg-type]
        for number, each in enumerate(answers)
    ]


CONTROL = sample_answers(3000)


def verdict(
    canary: Sequence[SampleAnswer], control: Sequence[SampleAnswer] = CONTROL, elapsed: timedelta = HOUR
) -> CanaryDecision:
    return evaluate_canary(control, canary, POLICY, elapsed)


def test_a_canary_like_its_control_passes_once_there_is_enough_evidence() -> None:
    assert verdict(sample_answers(600)).verdict == "PASS"


def test_too_little_evidence_is_a_hold() -> None:
    found = verdict(sample_answers(99))
    assert found.verdict == "HOLD"
    assert found.reasons == ("99 answers for 33 tenants or conversations on the smaller side; 100 for 20 are needed",)
    assert verdict(sample_answers(600), control=sample_answers(50)).verdict == "HOLD"


def test_many_answers_of_one_tenant_are_too_little_evidence() -> None:
    found = verdict([replace(each, unit="the only one", failed=True) for each in sample_answers(2000)])
    reason = "2000 answers for 1 tenants or conversations on the smaller side; 100 for 20 are needed"
    assert (found.verdict, found.reasons) == ("HOLD", (reason,))


def test_no_data_is_a_hold() -> None:
    assert verdict([]).verdict == verdict([], control=[]).verdict == "HOLD"


@pytest.mark.parametrize("count", [0, 99, 150])
def test_at_the_deadline_a_canary_without_evidence_is_ended(count: int) -> None:
    assert verdict(sample_answers(count)).verdict == "HOLD"
    found = verdict(sample_answers(count), elapsed=timedelta(hours=24))
    assert found.verdict == "FAIL"
    assert found.reasons[0] == "the deadline of 24 hours passed without enough evidence"


def test_at_the_deadline_a_canary_with_evidence_passes() -> None:
    assert verdict(sample_answers(600), elapsed=timedelta(hours=24)).verdict == "PASS"


@pytest.mark.parametrize(
    ("metric", "canary"),
    [
        ("errors", every(4, sample_answers(300), failed=True)),
        ("latency_ms", [replace(each, latency_ms=2 * each.latency_ms) for each in sample_answers(300)]),
        ("refusals", every(3, sample_answers(300), refused=True)),
        ("findings", every(3, sample_answers(300), findings=2)),
        ("groundedness", every(2, sample_answers(300), groundedness=0.5)),
        ("feedback", every(2, sample_answers(300), helpful=False)),
        ("cost_micro_usd", [replace(each, micro_usd=2 * each.micro_usd) for each in sample_answers(300)]),
    ],
)
def test_harm_ends_the_canary_and_the_reason_names_the_metric(metric: str, canary: list[SampleAnswer]) -> None:
    found = verdict(canary, control=every(5, CONTROL, helpful=True))
    assert found.verdict == "FAIL"
    assert [reason.partition(":")[0] for reason in found.reasons] == [metric]
    assert HARMS[metric].description in found.reasons[0]
    assert ("points" in found.reasons[0]) is not HARMS[metric].relative


def test_a_harm_of_exactly_the_margin_ends_no_canary() -> None:
    """The evidence that there is harm is there: what is missing is that it is more than the margin."""
    failing = [replace(each, failed=number % 100 in (0, 33, 66)) for number, each in enumerate(sample_answers(3000))]
    found = next(each for each in verdict(failing).findings if each.metric == "errors")
    assert (found.harm, found.margin, found.harmful) == (0.03, 0.03, False)
    assert found.p < 1e-9


@pytest.mark.parametrize(("metric", "name"), [("cost_micro_usd", "micro_usd"), ("latency_ms", "latency_ms")])
def test_costs_and_times_are_compared_as_if_each_were_ten_more(metric: str, name: str) -> None:
    assert HARMS[metric].value(SampleAnswer("u", **{name: 10})) == pytest.approx(log(20))


def test_the_more_metrics_are_watched_the_more_evidence_each_of_them_needs() -> None:
    """A chance of one in twenty that a clean canary is ended is shared by all metrics of the policy."""
    failing = every(18, sample_answers(200), failed=True)
    alone = POLICY.model_copy(update={"harms": {"errors": POLICY.harms["errors"]}})
    for policy, harmful in ((POLICY, False), (alone, True)):
        found = evaluate_canary(CONTROL, failing, policy, HOUR).findings[0]
        assert (found.metric, found.harmful) == ("errors", harmful)
        assert POLICY.alpha / len(POLICY.harms) < found.p < POLICY.alpha


def test_harm_to_one_tenant_is_no_evidence_about_others() -> None:
    """All failures are of one conversation: as many single ones would end the canary."""
    alone = [
        replace(each, failed=number < 30, unit="one" if number < 30 else each.unit)
        for number, each in enumerate(sample_answers(300))
    ]
    assert verdict(alone).verdict == "HOLD"
    assert verdict(every(10, sample_answers(300), failed=True)).verdict == "FAIL"


def test_an_improvement_is_no_harm() -> None:
    assert verdict(sample_answers(600), control=every(4, CONTROL, failed=True)).verdict == "PASS"


def test_failures_are_counted_once_and_not_as_quick_answers() -> None:
    quick = every(40, sample_answers(300), failed=True, latency_ms=0.0, micro_usd=0, groundedness=None)
    harms = {each.metric: each.harm for each in verdict(quick).findings}
    assert harms["errors"] == pytest.approx(8 / 300)
    assert harms["latency_ms"] == pytest.approx(0, abs=0.01)


def test_models_that_cost_nothing_can_pass() -> None:
    free = [replace(each, micro_usd=0) for each in CONTROL]
    assert verdict([replace(each, micro_usd=0) for each in sample_answers(600)], free).verdict == "PASS"
    assert (
        verdict([replace(each, micro_usd=50) for each in sample_answers(600)], free)
        .reasons[0]
        .startswith("cost_micro_usd")
    )


def test_a_metric_that_needs_evidence_and_was_never_measured_keeps_the_canary_from_passing() -> None:
    mute = [replace(each, groundedness=None) for each in sample_answers(900)]
    found = verdict(mute)
    assert (found.verdict, found.reasons) == ("HOLD", ("groundedness: harm beyond the margin is not ruled out yet",))


def test_not_one_error_is_no_evidence_while_there_are_few_answers() -> None:
    """Not one of 120 answers failed, which three of a hundred might well have done."""
    found = verdict(sample_answers(120))
    assert {each.metric for each in found.findings if each.evidence and not each.cleared} >= {"errors"}


def test_every_metric_of_the_policy_is_watched() -> None:
    assert tuple(HARMS) == CANARY_METRICS


@pytest.mark.parametrize("traffic", CLEAN, ids=lambda traffic: traffic.name)
def test_a_harmless_canary_is_ended_in_no_more_than_5_of_100_runs(traffic: Traffic) -> None:
    found = simulate(traffic, SAMPLE, runs=100, seed=11)
    assert found["failed"] <= 0.05


@pytest.mark.parametrize("traffic", HARMFUL, ids=lambda traffic: traffic.name)
def test_a_harmful_canary_is_caught_in_9_of_10_runs_and_the_metric_named(traffic: Traffic) -> None:
    found = simulate(traffic, SAMPLE, runs=60, seed=12)
    assert found["named"] >= 0.9


@pytest.mark.parametrize(("answers", "enough"), [(99, False), (100, True)])
def test_as_many_answers_as_the_policy_names_are_enough_to_judge(answers: int, enough: bool) -> None:
    assert bool(verdict(sample_answers(answers)).findings) is enough


def test_what_one_side_never_had_is_not_judged() -> None:
    for control, canary in ((None, 0.1), (0.9, None)):
        found = verdict(sample_answers(600, groundedness=canary), sample_answers(3000, groundedness=control))
        assert "groundedness" not in {each.metric for each in found.findings}
        assert found.verdict == "HOLD"
