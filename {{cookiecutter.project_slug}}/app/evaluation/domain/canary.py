"""Is the new release doing harm, here and now? Decided against the live one that answers beside it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import exp, log, log1p
from typing import TYPE_CHECKING, Literal, Protocol

from app.evaluation.domain.policy import CanaryPolicy
from app.releases.domain import Canary

# Imported where it is needed: numpy is a lot of memory for a process that judges nothing.
if TYPE_CHECKING:
    from app.evaluation.domain.sequential import Sample

CanaryVerdict = Literal["PASS", "FAIL", "HOLD"]
_GRAIN = 10.0


class CanaryAnswer(Protocol):
    """One delivered or failed answer. unit: what sticks to its arm, a tenant or a conversation. findings: how many the
    screening had. helpful: what the asker said of it, None if nothing.
    """

    @property
    def unit(self) -> Hashable: ...
    @property
    def failed(self) -> bool: ...
    @property
    def refused(self) -> bool: ...
    @property
    def findings(self) -> int: ...
    @property
    def groundedness(self) -> float | None: ...
    @property
    def latency_ms(self) -> float: ...
    @property
    def micro_usd(self) -> int: ...
    @property
    def helpful(self) -> bool | None: ...


@dataclass(frozen=True, slots=True)
class HarmMetric:
    """What is watched. value: more is worse, None when the answer says nothing. relative: compared by ratio."""

    words: str
    value: Callable[[CanaryAnswer], float | None]
    yes_no: bool = True
    relative: bool = False

    def limit(self, margin: float) -> float:
        return log1p(margin) if self.relative else margin

    def shown(self, value: float) -> float:
        return exp(value) - 1 if self.relative else value


def _answered(value: Callable[[CanaryAnswer], float]) -> Callable[[CanaryAnswer], float | None]:
    """A failed answer is counted once, as an error: it is quick, cheap and free of findings."""
    return lambda each: None if each.failed else value(each)


HARMS: Mapping[str, HarmMetric] = {
    "errors": HarmMetric("more answers fail", lambda each: float(each.failed)),
    "latency_ms": HarmMetric("answers take longer", _answered(lambda each: log(each.latency_ms + _GRAIN)), False, True),
    "refusals": HarmMetric("more questions are refused", _answered(lambda each: float(each.refused))),
    "findings": HarmMetric("more answers have findings", _answered(lambda each: float(each.findings > 0))),
    "groundedness": HarmMetric(
        "answers lean less on the documents",
        lambda each: None if each.failed or each.groundedness is None else 1 - each.groundedness,
        False,
    ),
    "feedback": HarmMetric(
        "askers find answers less helpful", lambda each: None if each.helpful is None else 1 - each.helpful
    ),
    "cost_micro_usd": HarmMetric(
        "answers cost more", _answered(lambda each: log(each.micro_usd + _GRAIN)), False, True
    ),
}


@dataclass(frozen=True, slots=True)
class CanaryFinding:
    """One metric. harm: how much worse the canary is, in points of a share or as a share of the control; p: always
    valid, that such harm is an accident, for this metric alone. cleared: harm beyond the margin is ruled out.
    """

    metric: str
    control_answers: int
    canary_answers: int
    harm: float
    margin: float
    p: float
    harmful: bool
    cleared: bool
    evidence: bool


@dataclass(frozen=True, slots=True)
class CanaryDecision:
    """HOLD: go on, nothing is decided. FAIL: take it back; the reasons say which metric and why."""

    verdict: CanaryVerdict
    reasons: tuple[str, ...]
    findings: tuple[CanaryFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class CanaryStatus:
    """The running canary, the live release beside it, and the decision at one moment."""

    canary: Canary
    control: str
    control_answers: int
    canary_answers: int
    decision: CanaryDecision


@dataclass(frozen=True, slots=True)
class CanarySampleSize:
    """How much there is to judge by, on the side that has less."""

    answers: int
    units: int


def evaluate_canary(
    control: Sequence[CanaryAnswer], canary: Sequence[CanaryAnswer], policy: CanaryPolicy, elapsed: timedelta
) -> CanaryDecision:
    """May be called as often as one likes with everything since the canary began. `elapsed`: how long that is ago.

    PASS only with evidence: harm beyond the margin is ruled out on every metric that needs it. Too little to judge by
    is HOLD, and FAIL once the deadline is over.
    """
    seen = CanarySampleSize(
        answers=min(len(control), len(canary)),
        units=min(len({each.unit for each in side}) for side in (control, canary)),
    )
    samples = {name: (_sample(control, name), _sample(canary, name)) for name in policy.harms}
    return decide(samples, seen, policy, elapsed)


def decide(
    samples: Mapping[str, tuple["Sample", "Sample"]], seen: CanarySampleSize, policy: CanaryPolicy, elapsed: timedelta
) -> CanaryDecision:
    """samples: control and canary by metric."""
    if seen.answers < policy.minimum_answers or seen.units < policy.minimum_units:
        few = (
            f"{seen.answers} answers for {seen.units} tenants or conversations on the smaller side; "
            f"{policy.minimum_answers} for {policy.minimum_units} are needed"
        )
        return _held((few,), (), policy, elapsed)
    findings = tuple(
        _finding(name, control, canary, policy)
        for name, (control, canary) in samples.items()
        if control.answers and canary.answers
    )
    harmful = tuple(_harm_told(each) for each in findings if each.harmful)
    if harmful:
        return CanaryDecision("FAIL", harmful, findings)
    cleared = {each.metric for each in findings if each.cleared}
    open_ = [name for name, rule in policy.harms.items() if rule.evidence and name not in cleared]
    if not open_:
        return CanaryDecision("PASS", ("harm beyond the margins is ruled out",), findings)
    return _held(
        tuple(f"{name}: harm beyond the margin is not ruled out yet" for name in open_), findings, policy, elapsed
    )


def _held(
    reasons: tuple[str, ...], findings: tuple[CanaryFinding, ...], policy: CanaryPolicy, elapsed: timedelta
) -> CanaryDecision:
    if elapsed < timedelta(hours=policy.deadline_hours):
        return CanaryDecision("HOLD", reasons, findings)
    over = f"the deadline of {policy.deadline_hours:g} hours is over without enough evidence"
    return CanaryDecision("FAIL", (over, *reasons), findings)


def _sample(side: Sequence[CanaryAnswer], name: str) -> "Sample":
    from app.evaluation.domain.sequential import Sample

    value = HARMS[name].value
    return Sample.of([(each.unit, got) for each in side if (got := value(each)) is not None])


def _finding(name: str, control: "Sample", canary: "Sample", policy: CanaryPolicy) -> CanaryFinding:
    from app.evaluation.domain.sequential import chance, weigh

    harm, rule = HARMS[name], policy.harms[name]
    limit = harm.limit(rule.margin)
    found = weigh(control, canary, limit, harm.yes_no)
    # All metrics share alpha for the alarm; to pass, each has to clear it alone, so that nothing needs sharing.
    alarm = found.against >= log(len(policy.harms) / policy.alpha)
    return CanaryFinding(
        metric=name,
        control_answers=control.answers,
        canary_answers=canary.answers,
        harm=harm.shown(found.harm),
        margin=rule.margin,
        p=chance(found.against),
        harmful=alarm and found.harm > limit,
        cleared=found.acquits >= log(1 / policy.alpha),
        evidence=rule.evidence,
    )


def _harm_told(found: CanaryFinding) -> str:
    by = f"{found.harm:.0%}" if HARMS[found.metric].relative else f"{100 * found.harm:.1f} points"
    return (
        f"{found.metric}: {HARMS[found.metric].words}, by {by} where {found.margin:g} is put up with "
        f"(p {found.p:.2g} after {found.canary_answers} answers)"
    )
