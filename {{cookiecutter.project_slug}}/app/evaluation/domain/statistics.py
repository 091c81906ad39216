"""What an estimated difference means: significance, the detectable effect, and how many more cases are needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import NormalDist

NOISE = 1e-12
MAX_ADVISED_CASES = 100_000
"""Above this the advice is that no number of cases would decide it."""
_z = NormalDist().inv_cdf


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean difference; positive is better. error: its standard error. p: one-sided, against 'no fall'.
    effective_clusters: the number of equal clusters with the same information.
    """

    cases: int
    clusters: int
    effective_clusters: float
    difference: float
    low: float
    high: float
    p: float
    error: float


def holm(values: Sequence[float]) -> list[float]:
    """Holm-adjusted p values: rejecting those below alpha keeps the family-wise error rate at alpha."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = highest
    return adjusted


def detectable(estimate: Estimate, tolerance: float, alpha: float, power: float, family_size: int) -> float:
    """The smallest true fall that is detected with probability `power`, when `family_size` metrics are tested together.

    It must exceed the tolerance and be significant after Holm's strictest step.
    """
    chance = _t(power, estimate.effective_clusters)
    certain = _t(1 - alpha / family_size, estimate.effective_clusters)
    return max(tolerance + chance * estimate.error, (certain + chance) * estimate.error)


def _t(share: float, effective_clusters: float) -> float:
    """Student's t quantile, approximated by one term of its expansion."""
    normal = _z(share)
    return normal * (1 + (normal**2 + 1) / (4 * max(effective_clusters - 1, 1.0)))


def more_cases(estimate: Estimate, tolerance: float, alpha: float, power: float, family_size: int) -> int | None:
    """How many further cases like these would decide the observed difference with probability `power`.

    None when no number would: the difference equals the tolerance.
    """
    room = estimate.difference + tolerance
    if room > NOISE:
        ratio = (_z(1 - alpha / 2) + _z(power)) * estimate.error / room
    elif room < -NOISE:
        ratio = detectable(estimate, 0.0, alpha, power, family_size) / -estimate.difference
        ratio = max(ratio, _z(power) * estimate.error / -room)
    else:
        return None
    needed = ceil(estimate.cases * ratio**2) - estimate.cases
    return max(needed, 1) if needed < MAX_ADVISED_CASES else None
