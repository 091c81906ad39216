"""What a difference says: whether it is an accident, what would have been noticed, how many cases are missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import NormalDist

NOISE = 1e-12
FAR = 100_000
"""More cases than anybody will write; beyond that a number is no advice."""
_z = NormalDist().inv_cdf


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean difference; positive is better. error: its standard error. p: one-sided, against 'it did not fall'.
    voices: how many clusters of equal size would say as much as these.
    """

    cases: int
    clusters: int
    voices: float
    difference: float
    low: float
    high: float
    p: float
    error: float


def holm(values: Sequence[float]) -> list[float]:
    """p values adjusted so that rejecting those below alpha is wrong anywhere with a chance of at most alpha."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = highest
    return adjusted


def detectable(found: Estimate, tolerance: float, alpha: float, power: float, together: int) -> float:
    """The smallest true fall that is called one with chance `power`, when `together` metrics are judged at once.

    It must be seen to lie beyond the tolerance, and to be no accident after Holm's strictest step.
    """
    chance = _t(power, found.voices)
    certain = _t(1 - alpha / together, found.voices)
    return max(tolerance + chance * found.error, (certain + chance) * found.error)


def _t(share: float, voices: float) -> float:
    """Student's quantile, near enough: few documents leave more to accident than many."""
    normal = _z(share)
    return normal * (1 + (normal**2 + 1) / (4 * max(voices - 1, 1.0)))


def more_cases(found: Estimate, tolerance: float, alpha: float, power: float, together: int) -> int | None:
    """Further cases like these until the difference seen now would be decided with chance `power`.

    None when no number would do: the difference lies on the line.
    """
    room = found.difference + tolerance
    if room > NOISE:
        ratio = (_z(1 - alpha / 2) + _z(power)) * found.error / room
    elif room < -NOISE:
        ratio = detectable(found, 0.0, alpha, power, together) / -found.difference
        ratio = max(ratio, _z(power) * found.error / -room)
    else:
        return None
    needed = ceil(found.cases * ratio**2) - found.cases
    return max(needed, 1) if needed < FAR else None
