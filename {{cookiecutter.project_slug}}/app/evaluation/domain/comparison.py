"""One metric on some of the cases, on both sides: values, gains and the estimate of their mean."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, expm1, log, log1p
from zlib import crc32

from app.evaluation.domain.metrics import METRICS, Metric
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.scores import CaseScore, RunScores
from app.evaluation.domain.statistics import Estimate

EQUAL = 1e-9
# One outlier of a slow machine must not outweigh sixty cases that took as long as before.
_MAX_LOG_RATIO = log(4)


@dataclass(frozen=True, slots=True)
class CasePair:
    """A case of the candidate and the same case of the baseline; before is None without a baseline."""

    after: CaseScore
    before: CaseScore | None


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """Values of the cases in the metric's unit, their gains and the estimated mean gain; positive gains are better.

    before is empty and estimate is None without a baseline.
    """

    metric: Metric
    before: tuple[float, ...]
    after: tuple[float, ...]
    clusters: int
    gains: tuple[float, ...]
    estimate: Estimate | None

    @property
    def unchanged(self) -> bool:
        return not any(self.gains)

    @property
    def none_worse(self) -> bool:
        return all(gain >= -EQUAL for gain in self.gains)


def pair_cases(candidate: RunScores, baseline: RunScores | None) -> tuple[CasePair, ...]:
    before = {case.case_id: case for case in baseline.cases} if baseline else {}
    return tuple(CasePair(case, before.get(case.case_id)) for case in candidate.cases)


def measured_metrics(pairs: Iterable[CasePair]) -> tuple[str, ...]:
    """The metrics with a value for any of these cases, in the order of METRICS."""
    names = {name for row in pairs for name, value in row.after.values.items() if value is not None}
    return tuple(name for name in METRICS if name in names)


def compare(name: str, pairs: Sequence[CasePair], policy: QualityPolicy, seed: int) -> MetricComparison | None:
    """None when no case was scored by this metric on both sides."""
    metric = METRICS[name]
    if all(row.before is None for row in pairs):
        values = [(row.after.cluster, row.after.values.get(name)) for row in pairs]
        scored = [(cluster, value) for cluster, value in values if value is not None]
        after = tuple(value for _, value in scored)
        groups = {cluster for cluster, _ in scored}
        return MetricComparison(metric, (), after, len(groups), (), None) if scored else None
    both = [
        (row.after.cluster, old, new)
        for row in pairs
        if row.before is not None
        and (old := row.before.values.get(name)) is not None
        and (new := row.after.values.get(name)) is not None
    ]
    if not both:
        return None
    names, before, after = zip(*both, strict=True)
    gains = tuple(gain(metric, old, new) for old, new in zip(before, after, strict=True))
    return MetricComparison(metric, before, after, len(set(names)), gains, _estimate(gains, names, policy, seed))


def _estimate(gains: Sequence[float], clusters: Sequence[str], policy: QualityPolicy, seed: int) -> Estimate:
    # Imported late: numpy is a lot of memory for a process that compares nothing.
    from app.evaluation.domain.resampling import estimate

    return estimate(gains, clusters, policy.alpha, policy.resamples, seed)


def seed_for(seed: int, metric: str, name: str) -> int:
    """A seed of its own for each finding, so that its draws do not depend on which others are computed."""
    return crc32(f"{seed}/{metric}/{name}".encode())


def gain(metric: Metric, before: float, after: float) -> float:
    """How much better one case is: a difference of shares, or a log ratio clipped to a factor of four."""
    if not metric.relative:
        return metric.sign * (after - before)
    ratio = log(after + metric.grain) - log(before + metric.grain)
    return metric.sign * max(-_MAX_LOG_RATIO, min(_MAX_LOG_RATIO, ratio))


def smallest_allowed_gain(metric: Metric, tolerance: float) -> float:
    """The smallest gain within the tolerance; not positive."""
    return -log1p(tolerance) if metric.relative else -tolerance


def as_displayed(metric: Metric, value: float) -> float:
    """A gain as it is displayed: a difference of shares, or relative to the baseline. Positive is better."""
    return metric.sign * expm1(metric.sign * value) + 0.0 if metric.relative else value + 0.0


def average(metric: Metric, values: Sequence[float]) -> float:
    """The mean; the geometric mean for metrics compared by ratio."""
    if not metric.relative:
        return sum(values) / len(values)
    middle = exp(sum(log(value + metric.grain) for value in values) / len(values)) - metric.grain
    return max(round(middle, 9), 0.0)


def floor_value(metric: Metric, values: Sequence[float]) -> float:
    """What is compared with the floor: the average; for latency the 95th percentile."""
    if metric.unit != "ms":
        return average(metric, values)
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)]


def violates_floor(metric: Metric, value: float, floor: float | None) -> bool:
    return floor is not None and metric.sign * (value - floor) < -EQUAL
