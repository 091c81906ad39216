"""One metric, on some of the cases, on both sides: values, differences and what they say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, expm1, log, log1p
from zlib import crc32

from app.evaluation.domain.metrics import METRICS, Metric
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.scores import CaseScore, RunScores
from app.evaluation.domain.statistics import Estimate

EQUAL = 1e-9
# A single hiccup of a machine must not outweigh sixty cases that took as long as before.
_LOUDEST = log(4)


@dataclass(frozen=True, slots=True)
class CasePair:
    """A case of the candidate beside the same case of the baseline, if there is one."""

    after: CaseScore
    before: CaseScore | None


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """Values of the cases that count, in the metric's unit, and what their gains say; positive gains are better.

    before is empty and found is None when there is no baseline.
    """

    metric: Metric
    before: tuple[float, ...]
    after: tuple[float, ...]
    clusters: int
    gains: tuple[float, ...]
    found: Estimate | None

    @property
    def unchanged(self) -> bool:
        return not any(self.gains)

    @property
    def none_worse(self) -> bool:
        return all(gain >= -EQUAL for gain in self.gains)


def pairs(candidate: RunScores, baseline: RunScores | None) -> tuple[CasePair, ...]:
    before = {case.case_id: case for case in baseline.cases} if baseline else {}
    return tuple(CasePair(case, before.get(case.case_id)) for case in candidate.cases)


def measured(rows: Iterable[CasePair]) -> tuple[str, ...]:
    """The metrics that say anything here, in the order of the list of metrics."""
    names = {name for row in rows for name, value in row.after.values.items() if value is not None}
    return tuple(name for name in METRICS if name in names)


def compare(name: str, rows: Sequence[CasePair], policy: QualityPolicy, seed: int) -> MetricComparison | None:
    """None when no case was scored by this metric on both sides."""
    metric = METRICS[name]
    if all(row.before is None for row in rows):
        values = [(row.after.cluster, row.after.values.get(name)) for row in rows]
        known = [(cluster, value) for cluster, value in values if value is not None]
        after = tuple(value for _, value in known)
        return MetricComparison(metric, (), after, len({cluster for cluster, _ in known}), (), None) if known else None
    both = [
        (row.after.cluster, old, new)
        for row in rows
        if row.before is not None
        and (old := row.before.values.get(name)) is not None
        and (new := row.after.values.get(name)) is not None
    ]
    if not both:
        return None
    clusters, before, after = zip(*both, strict=True)
    gains = tuple(gain(metric, old, new) for old, new in zip(before, after, strict=True))
    return MetricComparison(metric, before, after, len(set(clusters)), gains, _found(gains, clusters, policy, seed))


def _found(gains: Sequence[float], clusters: Sequence[str], policy: QualityPolicy, seed: int) -> Estimate:
    # Imported late: numpy is a lot of memory for a process that compares nothing.
    from app.evaluation.domain.resampling import estimate

    return estimate(gains, clusters, policy.alpha, policy.resamples, seed)


def seed_of(seed: int, metric: str, name: str) -> int:
    """Draws of one finding do not depend on which others are made."""
    return crc32(f"{seed}/{metric}/{name}".encode())


def gain(metric: Metric, before: float, after: float) -> float:
    """How much better one case is: points of a share, or the logarithm of a ratio, counted as fourfold at most."""
    if not metric.relative:
        return metric.sign * (after - before)
    ratio = log(after + metric.grain) - log(before + metric.grain)
    return metric.sign * max(-_LOUDEST, min(_LOUDEST, ratio))


def limit(metric: Metric, tolerance: float) -> float:
    """The smallest gain that is put up with; not positive."""
    return -log1p(tolerance) if metric.relative else -tolerance


def shown(metric: Metric, value: float) -> float:
    """A gain as people read it: points of a share, or a share of the baseline. Positive is better."""
    return metric.sign * expm1(metric.sign * value) + 0.0 if metric.relative else value + 0.0


def typical(metric: Metric, values: Sequence[float]) -> float:
    """The mean; of a metric compared by ratio the geometric one."""
    if not metric.relative:
        return sum(values) / len(values)
    middle = exp(sum(log(value + metric.grain) for value in values) / len(values)) - metric.grain
    return max(round(middle, 9), 0.0)


def held(metric: Metric, values: Sequence[float]) -> float:
    """What the floor is held against: the typical value; of latency the 95th of 100."""
    if metric.unit != "ms":
        return typical(metric, values)
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)]


def breaks(metric: Metric, value: float, floor: float | None) -> bool:
    return floor is not None and metric.sign * (value - floor) < -EQUAL
