"""Whether a canary harms its users, compared with the live release that answers beside it (the control)."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import exp, log, log1p
from typing import TYPE_CHECKING, Literal, Protocol

from app.evaluation.domain.policy import CanaryPolicy
from app.releases.domain import Canary

# Imported late elsewhere: numpy costs memory in processes that evaluate nothing.
if TYPE_CHECKING:
    from app.evaluation.domain.sequential import Sample

CanaryVerdict = Literal["PASS", "FAIL", "HOLD"]
_GRAIN = 10.0


class CanaryAnswer(Protocol):
    """One delivered or failed answer. unit: the tenant or conversation that is assigned to an arm as a whole. findings:
    of the screening. helpful: the asker's feedback, None without any.
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
    """A metric of harm. value: higher is worse; None where it does not apply. relative: compared by ratio."""

    description: str
    value: Callable[[CanaryAnswer], float | None]
    binary: bool = True
    relative: bool = False

    def limit(self, margin: float) -> float:
        return log1p(margin) if self.relative else margin

    def displayed(self, value: float) -> float:
        return exp(value) - 1 if self.relative else value


def _answered(value: Callable[[CanaryAnswer], float]) -> Callable[[CanaryAnswer], float | None]:
    """A failed answer counts as an error only: it is fast, cheap and free of findings."""
    return lambda each: None if each.failed else value(each)


HARMS: Mapping[str, HarmMetric] = {
    "errors": HarmMetric("more answers fail", lambda each: float(each.failed)),
    "latency_ms": HarmMetric("answers take longer", _answered(lambda each: log(each.latency_ms + _GRAIN)), False, True),
    "refusals": HarmMetric("more questions are refused", _answered(lambda each: float(each.refused))),
    "findings": HarmMetric("more answers have findings", _answered(lambda each: float(each.findings > 0))),
    "groundedness": HarmMetric(
        "answers are less grounded in the documents",
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
    """One metric. harm: how much worse the canary is, a difference for shares and relative to the control otherwise. p:
    always valid, for this metric alone. cleared: harm beyond the margin is ruled out.
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
    """HOLD: no decision yet. FAIL: end the canary; the reasons name the metrics. PASS: it may go live."""

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
    """The size of the smaller arm."""

    answers: int
    units: int


def evaluate_canary(
    control: Sequence[CanaryAnswer], canary: Sequence[CanaryAnswer], policy: CanaryPolicy, elapsed: timedelta
) -> CanaryDecision:
    """control, canary: all answers since the canary started, `elapsed` ago. Valid however often it is called.

    PASS: harm beyond the margin is ruled out on every metric that needs evidence. Too little evidence is HOLD, and FAIL
    after the deadline.
    """
    size = CanarySampleSize(
        answers=min(len(control), len(canary)),
        units=min(len({each.unit for each in side}) for side in (control, canary)),
    )
    samples = {name: (_sample(control, name), _sample(canary, name)) for name in policy.harms}
    return decide_canary(samples, size, policy, elapsed)


def decide_canary(
    samples: Mapping[str, tuple["Sample", "Sample"]], size: CanarySampleSize, policy: CanaryPolicy, elapsed: timedelta
) -> CanaryDecision:
    """samples: control and canary by metric."""
    if size.answers < policy.minimum_answers or size.units < policy.minimum_units:
        too_few = (
            f"{size.answers} answers for {size.units} tenants or conversations on the smaller side; "
            f"{policy.minimum_answers} for {policy.minimum_units} are needed"
        )
        return _undecided((too_few,), (), policy, elapsed)
    findings = tuple(
        _finding(name, control, canary, policy)
        for name, (control, canary) in samples.items()
        if control.answers and canary.answers
    )
    harmful = tuple(_harm_reason(each) for each in findings if each.harmful)
    if harmful:
        return CanaryDecision("FAIL", harmful, findings)
    cleared = {each.metric for each in findings if each.cleared}
    uncleared = [name for name, rule in policy.harms.items() if rule.evidence and name not in cleared]
    if not uncleared:
        return CanaryDecision("PASS", ("harm beyond the margins is ruled out",), findings)
    return _undecided(
        tuple(f"{name}: harm beyond the margin is not ruled out yet" for name in uncleared), findings, policy, elapsed
    )


def _undecided(
    reasons: tuple[str, ...], findings: tuple[CanaryFinding, ...], policy: CanaryPolicy, elapsed: timedelta
) -> CanaryDecision:
    if elapsed < timedelta(hours=policy.deadline_hours):
        return CanaryDecision("HOLD", reasons, findings)
    expired = f"the deadline of {policy.deadline_hours:g} hours passed without enough evidence"
    return CanaryDecision("FAIL", (expired, *reasons), findings)


def _sample(side: Sequence[CanaryAnswer], name: str) -> "Sample":
    from app.evaluation.domain.sequential import Sample

    value = HARMS[name].value
    return Sample.of([(each.unit, got) for each in side if (got := value(each)) is not None])


def _finding(name: str, control: "Sample", canary: "Sample", policy: CanaryPolicy) -> CanaryFinding:
    from app.evaluation.domain.sequential import always_valid_p, harm_evidence

    harm, rule = HARMS[name], policy.harms[name]
    limit = harm.limit(rule.margin)
    evidence = harm_evidence(control, canary, limit, harm.binary)
    # The alarm is corrected for the number of metrics. A pass needs every metric cleared, so no correction is needed.
    alarm = evidence.log_harm >= log(len(policy.harms) / policy.alpha)
    return CanaryFinding(
        metric=name,
        control_answers=control.answers,
        canary_answers=canary.answers,
        harm=harm.displayed(evidence.harm),
        margin=rule.margin,
        p=always_valid_p(evidence.log_harm),
        harmful=alarm and evidence.harm > limit,
        cleared=evidence.log_no_harm >= log(1 / policy.alpha),
        evidence=rule.evidence,
    )


def _harm_reason(finding: CanaryFinding) -> str:
    by = f"{finding.harm:.0%}" if HARMS[finding.metric].relative else f"{100 * finding.harm:.1f} points"
    return (
        f"{finding.metric}: {HARMS[finding.metric].description}, by {by}; the margin is {finding.margin:g} "
        f"(p {finding.p:.2g} after {finding.canary_answers} answers)"
    )
