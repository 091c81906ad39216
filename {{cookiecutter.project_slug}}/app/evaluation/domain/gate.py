"""May this release go on? A pure decision over the scores of two runs; nothing here reads or stores anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.evaluation.domain.comparison import (
    EQUAL,
    CasePair,
    MetricComparison,
    breaks,
    compare,
    gain,
    held,
    limit,
    measured,
    pairs,
    seed_of,
    shown,
    typical,
)
from app.evaluation.domain.metrics import METRICS
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.scores import RunScores, faults, unmeasured
from app.evaluation.domain.statistics import Estimate, detectable, holm, more_cases

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
WHOLE = "all"
"""The name under which the suite as a whole is judged."""


@dataclass(frozen=True, slots=True)
class MetricFinding:
    """One metric on the whole suite or on one slice.

    baseline, candidate: means over the cases that both sides were scored on, in the metric's unit; for latency and
    cost geometric means. difference, low, high: positive is better, and for latency and cost a share of the baseline.
    p: one-sided, against no fall, adjusted for all metrics judged together. detectable: the smallest fall that this
    many cases would show with the policy's power. blocking: whether this verdict counts for the release.
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
    """faults: why the runs cannot be compared, or not on every metric. fallen: protected cases. worse: (case, metric,
    before, after), the hardest falls first.
    """

    verdict: Verdict
    findings: tuple[MetricFinding, ...] = ()
    fallen: tuple[str, ...] = ()
    worse: tuple[tuple[str, str, float, float], ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A comparison and by which rules it is judged; p is adjusted, together is how many are judged at once."""

    name: str
    compared: MetricComparison
    tolerance: float
    floor: float | None
    blocking: bool
    p: float = 1.0
    together: int = 1

    @property
    def metric(self) -> str:
        return self.compared.metric.name

    @property
    def limit(self) -> float:
        return limit(self.compared.metric, self.tolerance)

    @property
    def cases(self) -> int:
        return len(self.compared.after)


def judge(candidate: RunScores, baseline: RunScores | None, policy: QualityPolicy, seed: int) -> GateResult:
    """PASS only when every blocking finding passed and no protected case fell; deterministic for a seed."""
    wrong = faults(candidate, baseline)
    if wrong:
        return GateResult("FAIL", faults=wrong)
    rows = pairs(candidate, baseline)
    findings = tuple(
        _finding(asked, policy)
        for family in (_on_the_whole(rows, policy, seed), _in_slices(candidate.slices(), rows, policy, seed))
        for asked in _together(family)
    )
    silent = unmeasured(candidate, baseline)
    if not any(finding.blocking for finding in findings):
        silent = ("No metric that may block a release was measured.", *silent)
    fallen = tuple(row.after.case_id for row in rows if row.after.protected and _fell(row, policy))
    verdict = "FAIL" if silent else overall(findings, fallen)
    return GateResult(verdict, findings, fallen, _worse(rows, policy), silent)


def overall(findings: Sequence[MetricFinding], fallen: Sequence[str]) -> Verdict:
    """What blocks, blocks: a doubt stops a release as surely as a fall does."""
    verdicts = {finding.verdict for finding in findings if finding.blocking}
    if fallen or "FAIL" in verdicts:
        return "FAIL"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in verdicts else "PASS"


def _on_the_whole(rows: Sequence[CasePair], policy: QualityPolicy, seed: int) -> list[_Asked]:
    asked = []
    for name in measured(rows):
        rule = policy.rule(name)
        if compared := compare(name, rows, policy, seed_of(seed, name, WHOLE)):
            blocking = rule.tier != "advisory"
            asked.append(_Asked(WHOLE, compared, rule.tolerance, policy.floor(name, None), blocking))
    return asked


def _in_slices(names: Sequence[str], rows: Sequence[CasePair], policy: QualityPolicy, seed: int) -> list[_Asked]:
    asked = []
    for part in names:
        inside = [row for row in rows if part in row.after.slices]
        for name in measured(inside):
            rule = policy.rule(name)
            if compared := compare(name, inside, policy, seed_of(seed, name, part)):
                blocking = rule.tier != "advisory" and policy.slices.gates(part, name)
                tolerance = rule.tolerance * policy.slices.tolerance_factor
                asked.append(_Asked(part, compared, tolerance, policy.floor(name, part), blocking))
    return asked


def _together(family: list[_Asked]) -> list[_Asked]:
    """p values of all that blocks are adjusted for each other; what is only shown takes no strength from them."""
    blocking = [index for index, asked in enumerate(family) if asked.blocking]
    adjusted = dict(zip(blocking, holm([_p(family[index]) for index in blocking]), strict=True))
    return [
        replace(asked, p=adjusted.get(index, _p(asked)), together=max(len(blocking), 1))
        for index, asked in enumerate(family)
    ]


def _p(asked: _Asked) -> float:
    return asked.compared.found.p if asked.compared.found else 1.0


def _finding(asked: _Asked, policy: QualityPolicy) -> MetricFinding:
    compared, metric, found = asked.compared, asked.compared.metric, asked.compared.found
    verdict, reason, more = _decided(asked, policy)
    return MetricFinding(
        metric=metric.name,
        slice=asked.name,
        cases=asked.cases,
        clusters=compared.clusters,
        baseline=typical(metric, compared.before) if found else None,
        candidate=typical(metric, compared.after),
        difference=shown(metric, found.difference) if found else None,
        low=shown(metric, found.low) if found else None,
        high=shown(metric, found.high) if found else None,
        p=asked.p if found else None,
        tolerance=asked.tolerance,
        floor=asked.floor,
        verdict=verdict,
        reason=reason,
        more_cases=more,
        detectable=_detectable(asked, found, policy) if found else None,
        blocking=asked.blocking,
    )


def _detectable(asked: _Asked, found: Estimate, policy: QualityPolicy) -> float:
    fall = detectable(found, -asked.limit, policy.alpha, policy.power, asked.together)
    return -shown(asked.compared.metric, -fall)


def _decided(asked: _Asked, policy: QualityPolicy) -> tuple[Verdict, str, int | None]:
    metric, found = asked.compared.metric, asked.compared.found
    value = held(metric, asked.compared.after)
    if breaks(metric, value, asked.floor):
        side = "below the floor of" if metric.sign > 0 else "above the ceiling of"
        return "FAIL", f"{told(metric.name, value)} is {side} {told(metric.name, asked.floor)}", None
    if found is None:
        return "PASS", f"no release to compare with{_floored(asked)}", None
    if asked.compared.unchanged:
        return "PASS", "no case differs", None
    if found.difference < asked.limit - EQUAL and asked.p < policy.alpha:
        return "FAIL", f"fell by {_fall(asked, found.difference)}, and that is no accident (p {asked.p:.2g})", None
    if asked.name != WHOLE and _small(asked, policy.slices.minimum_cases, policy.slices.minimum_clusters):
        return _glanced_at(asked, found, policy.slices.steepest_fall)
    return _weighed(asked, found, policy)


def _glanced_at(asked: _Asked, found: Estimate, steepest: float) -> tuple[Verdict, str, int | None]:
    """So few cases prove nothing and must not hold a release up for ever; a landslide is still one."""
    if not asked.compared.metric.relative and found.difference < -max(steepest, asked.tolerance) - EQUAL:
        return "FAIL", f"fell by {_fall(asked, found.difference)}, more than so few cases may ({steepest:g})", None
    return "PASS", f"too few cases to compare; no landslide{_floored(asked)}", None


def _weighed(asked: _Asked, found: Estimate, policy: QualityPolicy) -> tuple[Verdict, str, int | None]:
    if asked.compared.none_worse:
        return "PASS", "no case is worse", None
    if _small(asked, policy.minimum_cases, policy.minimum_clusters):
        few = f"{asked.cases} cases from {asked.compared.clusters} documents are too few to tell"
        missing = max(policy.minimum_cases - asked.cases, policy.minimum_clusters - asked.compared.clusters)
        return "INCONCLUSIVE", few, missing
    if found.low >= asked.limit - EQUAL:
        return "PASS", f"a fall of more than {_put_up_with(asked)} is ruled out", None
    more = more_cases(found, -asked.limit, policy.alpha, policy.power, asked.together)
    doubt = f"a fall of {_fall(asked, found.low)} is not ruled out, and {_put_up_with(asked)} is put up with"
    advice = f"about {more} more cases like these would tell" if more else "no number of cases would tell"
    return "INCONCLUSIVE", f"{doubt}; {advice}", more


def _floored(asked: _Asked) -> str:
    return "" if asked.floor is None else ", and the floor holds"


def _small(asked: _Asked, cases: int, clusters: int) -> bool:
    return asked.cases < cases or asked.compared.clusters < clusters


def _fall(asked: _Asked, value: float) -> str:
    return _points(asked, -shown(asked.compared.metric, value))


def _put_up_with(asked: _Asked) -> str:
    return _points(asked, asked.tolerance)


def _points(asked: _Asked, value: float) -> str:
    return f"{value:.0%}" if asked.compared.metric.relative else f"{value:.3f}"


def told(metric: str, value: float | None) -> str:
    """A value with its unit, as people read it."""
    if value is None:
        return "-"
    unit = METRICS[metric].unit
    return {"share": f"{value:.3f}", "ms": f"{value:,.0f} ms", "micro_usd": f"${value / 1e6:.6f}"}[unit]


def _fell(row: CasePair, policy: QualityPolicy) -> bool:
    """A protected case that none of its metrics speaks about any more counts as fallen."""
    after = {name: value for name in policy.protected.metrics if (value := row.after.values.get(name)) is not None}
    if row.before is None:
        return not after or min(after.values()) < policy.protected.minimum
    before = {name: value for name in after if (value := row.before.values.get(name)) is not None}
    return not before or any(gain(METRICS[name], old, after[name]) < -EQUAL for name, old in before.items())


def _worse(rows: Sequence[CasePair], policy: QualityPolicy) -> tuple[tuple[str, str, float, float], ...]:
    """The hardest falls first. Of latency and cost only what is beyond the tolerance: no two runs take as long."""
    found = []
    for row in rows:
        for name in measured([row]) if row.before else ():
            before, after = row.before.values.get(name) if row.before else None, row.after.values[name]
            if before is None or after is None:
                continue
            metric = METRICS[name]
            least = limit(metric, policy.rule(name).tolerance) if metric.relative else 0.0
            if (change := gain(metric, before, after)) < least - EQUAL:
                found.append((change, (row.after.case_id, name, before, after)))
    return tuple(entry for _, entry in sorted(found))
