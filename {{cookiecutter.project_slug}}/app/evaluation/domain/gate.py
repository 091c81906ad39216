"""The release gate: a pure decision over the scores of two runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.evaluation.domain.comparison import (
    EQUAL,
    CasePair,
    MetricComparison,
    as_displayed,
    average,
    compare,
    floor_value,
    gain,
    measured_metrics,
    pair_cases,
    seed_for,
    smallest_allowed_gain,
    violates_floor,
)
from app.evaluation.domain.metrics import METRICS
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.scores import RunScores, faults, unmeasured
from app.evaluation.domain.statistics import Estimate, detectable, holm, more_cases

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
WHOLE = "all"
"""The name of the suite as a whole, beside the names of slices."""


@dataclass(frozen=True, slots=True)
class MetricFinding:
    """One metric on the whole suite or on one slice.

    baseline, candidate: means over the cases that both sides were scored on, in the metric's unit; for latency and
    cost geometric means. difference, low, high: positive is better, and for latency and cost a share of the baseline.
    p: one-sided, against no fall, adjusted for all metrics tested together. detectable: the smallest fall that these
    cases would show with the policy's power. blocking: whether this verdict counts for the release.
    """

    metric: str
    slice: str
    cases: int
    clusters: int
    baseline: float | None
    candidate: float
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    tolerance: float
    floor: float | None
    verdict: Verdict
    reason: str
    more_cases: int | None = None
    detectable: float | None = None
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class GateResult:
    """faults: why the runs cannot be compared, or not on every metric. fallen: protected cases that got worse. worse:
    (case, metric, before, after), the largest falls first.
    """

    verdict: Verdict
    findings: tuple[MetricFinding, ...] = ()
    fallen: tuple[str, ...] = ()
    worse: tuple[tuple[str, str, float, float], ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Check:
    """A comparison and its rules. p: adjusted for multiple testing. family_size: how many are tested together."""

    name: str
    compared: MetricComparison
    tolerance: float
    floor: float | None
    blocking: bool
    p: float = 1.0
    family_size: int = 1

    @property
    def metric(self) -> str:
        return self.compared.metric.name

    @property
    def smallest_allowed_gain(self) -> float:
        return smallest_allowed_gain(self.compared.metric, self.tolerance)

    @property
    def cases(self) -> int:
        return len(self.compared.after)


def apply_gate(candidate: RunScores, baseline: RunScores | None, policy: QualityPolicy, seed: int) -> GateResult:
    """PASS only when every blocking finding passed and no protected case fell. Deterministic for a seed."""
    reasons = faults(candidate, baseline)
    if reasons:
        return GateResult("FAIL", faults=reasons)
    pairs = pair_cases(candidate, baseline)
    findings = tuple(
        _finding(check, policy)
        for checks in (_suite_checks(pairs, policy, seed), _slice_checks(candidate.slices(), pairs, policy, seed))
        for check in _adjust_p_values(checks)
    )
    unmeasured_reasons = unmeasured(candidate, baseline)
    if not any(finding.blocking for finding in findings):
        unmeasured_reasons = ("No metric that may block a release was measured.", *unmeasured_reasons)
    fallen = tuple(row.after.case_id for row in pairs if row.after.protected and _protected_case_fell(row, policy))
    verdict = "FAIL" if unmeasured_reasons else overall(findings, fallen)
    return GateResult(verdict, findings, fallen, _worse_cases(pairs, policy), unmeasured_reasons)


def overall(findings: Sequence[MetricFinding], fallen: Sequence[str]) -> Verdict:
    """FAIL before INCONCLUSIVE before PASS, over what blocks. INCONCLUSIVE blocks a release as FAIL does."""
    verdicts = {finding.verdict for finding in findings if finding.blocking}
    if fallen or "FAIL" in verdicts:
        return "FAIL"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in verdicts else "PASS"


def _suite_checks(pairs: Sequence[CasePair], policy: QualityPolicy, seed: int) -> list[_Check]:
    checks = []
    for name in measured_metrics(pairs):
        rule = policy.rule(name)
        if compared := compare(name, pairs, policy, seed_for(seed, name, WHOLE)):
            blocking = rule.tier != "advisory"
            checks.append(_Check(WHOLE, compared, rule.tolerance, policy.floor(name, None), blocking))
    return checks


def _slice_checks(names: Sequence[str], pairs: Sequence[CasePair], policy: QualityPolicy, seed: int) -> list[_Check]:
    checks = []
    for slice_name in names:
        pairs_in_slice = [row for row in pairs if slice_name in row.after.slices]
        for name in measured_metrics(pairs_in_slice):
            rule = policy.rule(name)
            if compared := compare(name, pairs_in_slice, policy, seed_for(seed, name, slice_name)):
                blocking = rule.tier != "advisory" and policy.slices.gates(slice_name, name)
                tolerance = rule.tolerance * policy.slices.tolerance_factor
                checks.append(_Check(slice_name, compared, tolerance, policy.floor(name, slice_name), blocking))
    return checks


def _adjust_p_values(checks: list[_Check]) -> list[_Check]:
    """Holm's adjustment over the blocking checks; advisory ones do not cost them power."""
    blocking = [index for index, check in enumerate(checks) if check.blocking]
    adjusted = dict(zip(blocking, holm([_p(checks[index]) for index in blocking]), strict=True))
    return [
        replace(check, p=adjusted.get(index, _p(check)), family_size=max(len(blocking), 1))
        for index, check in enumerate(checks)
    ]


def _p(check: _Check) -> float:
    return check.compared.estimate.p if check.compared.estimate else 1.0


def _finding(check: _Check, policy: QualityPolicy) -> MetricFinding:
    compared, metric, estimate = check.compared, check.compared.metric, check.compared.estimate
    verdict, reason, more = _decide(check, policy)
    return MetricFinding(
        metric=metric.name,
        slice=check.name,
        cases=check.cases,
        clusters=compared.clusters,
        baseline=average(metric, compared.before) if estimate else None,
        candidate=average(metric, compared.after),
        difference=as_displayed(metric, estimate.difference) if estimate else None,
        low=as_displayed(metric, estimate.low) if estimate else None,
        high=as_displayed(metric, estimate.high) if estimate else None,
        p=check.p if estimate else None,
        tolerance=check.tolerance,
        floor=check.floor,
        verdict=verdict,
        reason=reason,
        more_cases=more,
        detectable=_detectable(check, estimate, policy) if estimate else None,
        blocking=check.blocking,
    )


def _detectable(check: _Check, estimate: Estimate, policy: QualityPolicy) -> float:
    fall = detectable(estimate, -check.smallest_allowed_gain, policy.alpha, policy.power, check.family_size)
    return -as_displayed(check.compared.metric, -fall)


def _decide(check: _Check, policy: QualityPolicy) -> tuple[Verdict, str, int | None]:
    metric, estimate = check.compared.metric, check.compared.estimate
    value = floor_value(metric, check.compared.after)
    if violates_floor(metric, value, check.floor):
        side = "below the floor of" if metric.sign > 0 else "above the ceiling of"
        return "FAIL", f"{format_value(metric.name, value)} is {side} {format_value(metric.name, check.floor)}", None
    if estimate is None:
        return "PASS", f"no release to compare with{_floor_suffix(check)}", None
    if check.compared.unchanged:
        return "PASS", "no case differs", None
    if estimate.difference < check.smallest_allowed_gain - EQUAL and check.p < policy.alpha:
        return "FAIL", f"fell by {_fall(check, estimate.difference)}, which is significant (p {check.p:.2g})", None
    if check.name != WHOLE and _too_few(check, policy.slices.minimum_cases, policy.slices.minimum_clusters):
        return _decide_small_slice(check, estimate, policy.slices.steepest_fall)
    return _decide_by_interval(check, estimate, policy)


def _decide_small_slice(check: _Check, estimate: Estimate, steepest: float) -> tuple[Verdict, str, int | None]:
    """Too few cases for a test must not block every release; a fall beyond the policy's limit still fails."""
    if not check.compared.metric.relative and estimate.difference < -max(steepest, check.tolerance) - EQUAL:
        return (
            "FAIL",
            f"fell by {_fall(check, estimate.difference)}, more than a slice this small may ({steepest:g})",
            None,
        )
    return "PASS", f"too few cases to compare; no steep fall{_floor_suffix(check)}", None


def _decide_by_interval(check: _Check, estimate: Estimate, policy: QualityPolicy) -> tuple[Verdict, str, int | None]:
    if check.compared.none_worse:
        return "PASS", "no case is worse", None
    if _too_few(check, policy.minimum_cases, policy.minimum_clusters):
        few = f"{check.cases} cases from {check.compared.clusters} documents are too few"
        missing = max(policy.minimum_cases - check.cases, policy.minimum_clusters - check.compared.clusters)
        return "INCONCLUSIVE", few, missing
    if estimate.low >= check.smallest_allowed_gain - EQUAL:
        return "PASS", f"a fall of more than {_tolerance(check)} is ruled out", None
    more = more_cases(estimate, -check.smallest_allowed_gain, policy.alpha, policy.power, check.family_size)
    interval = f"a fall of {_fall(check, estimate.low)} is not ruled out; the tolerance is {_tolerance(check)}"
    advice = f"about {more} more cases like these would decide it" if more else "no number of cases would decide it"
    return "INCONCLUSIVE", f"{interval}; {advice}", more


def _floor_suffix(check: _Check) -> str:
    return "" if check.floor is None else ", and the floor is met"


def _too_few(check: _Check, cases: int, clusters: int) -> bool:
    return check.cases < cases or check.compared.clusters < clusters


def _fall(check: _Check, value: float) -> str:
    return _points(check, -as_displayed(check.compared.metric, value))


def _tolerance(check: _Check) -> str:
    return _points(check, check.tolerance)


def _points(check: _Check, value: float) -> str:
    return f"{value:.0%}" if check.compared.metric.relative else f"{value:.3f}"


def format_value(metric: str, value: float | None) -> str:
    """A value with its unit, for display."""
    if value is None:
        return "-"
    unit = METRICS[metric].unit
    return {"share": f"{value:.3f}", "ms": f"{value:,.0f} ms", "micro_usd": f"${value / 1e6:.6f}"}[unit]


def _protected_case_fell(row: CasePair, policy: QualityPolicy) -> bool:
    """Whether it got worse; also when none of the protected metrics applies to it any more."""
    after = {name: value for name in policy.protected.metrics if (value := row.after.values.get(name)) is not None}
    if row.before is None:
        return not after or min(after.values()) < policy.protected.minimum
    before = {name: value for name in after if (value := row.before.values.get(name)) is not None}
    return not before or any(gain(METRICS[name], old, after[name]) < -EQUAL for name, old in before.items())


def _worse_cases(pairs: Sequence[CasePair], policy: QualityPolicy) -> tuple[tuple[str, str, float, float], ...]:
    """The largest falls first. For latency and cost only those beyond the tolerance."""
    worse = []
    for row in pairs:
        for name in measured_metrics([row]) if row.before else ():
            before, after = row.before.values.get(name) if row.before else None, row.after.values[name]
            if before is None or after is None:
                continue
            metric = METRICS[name]
            threshold = smallest_allowed_gain(metric, policy.rule(name).tolerance) if metric.relative else 0.0
            if (change := gain(metric, before, after)) < threshold - EQUAL:
                worse.append((change, (row.after.case_id, name, before, after)))
    return tuple(entry for _, entry in sorted(worse))
