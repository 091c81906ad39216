"""Differences between two runs over the same cases, where cases drawn from one source document move together.

Interval and p value are two readings of one permutation test: under 'the mean is d' each cluster's surplus over d may
as well have the other sign. Turning that test inside out (Hartigan 1969) gives the interval: its ends are quantiles of
the mean over random subsets of clusters. Where only a few cases changed, such an interval is too short; so it is taken
over the cases plus a part of one that fell and of one that rose (as Agresti and Min do for paired proportions).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NOISE = 1e-12
_z = NormalDist().inv_cdf
# Three quarters of a case each way: benchmarks/gate_simulation.py shows what the interval covers with it.
_DOUBT = 0.75
FAR = 100_000
"""More cases than anybody will write; beyond that a number is no advice."""


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


@dataclass(frozen=True, slots=True)
class Estimates:
    """The same for many runs over one suite at a time, one entry a run."""

    difference: Floats
    low: Floats
    high: Floats
    p: Floats
    error: Floats


@dataclass(frozen=True, slots=True)
class Sums:
    """sums: (runs, clusters), differences added up by cluster; sizes: (clusters,), cases of each; typical: (runs,), the
    root mean square of the differences that are not zero.
    """

    sums: Floats
    sizes: Floats
    typical: Floats

    @property
    def voices(self) -> float:
        return float(self.sizes.sum() ** 2 / (self.sizes**2).sum())


def estimate(differences: Sequence[float], clusters: Sequence[str], alpha: float, draws: int, seed: int) -> Estimate:
    """differences: one a case; clusters: the source document of each. The interval is at level 1 - alpha."""
    names, where = np.unique(np.asarray(clusters), return_inverse=True)
    added = add_up(np.asarray([differences], dtype=np.float64), where)
    many = estimates(added, alpha, draws, seed)
    numbers = (float(each[0]) for each in (many.difference, many.low, many.high, many.p, many.error))
    return Estimate(len(differences), len(names), added.voices, *numbers)


def add_up(differences: Floats, where: NDArray[np.intp]) -> Sums:
    """differences: (runs, cases); where: (cases,), the number of each case's cluster, from 0 without a gap."""
    sizes = np.bincount(where).astype(np.float64)
    member = np.zeros((len(where), len(sizes)))
    member[np.arange(len(where)), where] = 1.0
    changed = np.maximum((differences != 0).sum(axis=1), 1)
    return Sums(differences @ member, sizes, np.sqrt((differences**2).sum(axis=1) / changed))


def estimates(added: Sums, alpha: float, draws: int, seed: int) -> Estimates:
    cases, clusters = float(added.sizes.sum()), len(added.sizes)
    difference = added.sums.sum(axis=1) / cases
    picked = _subsets(clusters + 2, draws, seed)
    totals = added.sums @ picked[:, :clusters].T
    doubt = _DOUBT * added.typical[:, None] * (picked[:, -1] - picked[:, -2])
    means = (totals + doubt) / (picked @ np.append(added.sizes, [_DOUBT, _DOUBT]))
    return Estimates(
        difference=difference,
        low=np.minimum(np.quantile(means, alpha / 2, axis=1, method="lower"), difference),
        high=np.maximum(np.quantile(means, 1 - alpha / 2, axis=1, method="higher"), difference),
        p=(1 + (totals >= -_NOISE).sum(axis=1)) / (1 + len(picked)),
        error=_standard_error(added, difference),
    )


def _subsets(members: int, draws: int, seed: int) -> Floats:
    """Rows of 0 and 1 that pick members: every non-empty subset when there are no more than `draws`, else random."""
    if 2**members <= draws:
        numbers = np.arange(1, 2**members)
        return ((numbers[:, None] >> np.arange(members)) & 1).astype(np.float64)
    picked = np.random.default_rng(seed).random((draws, members)) < 0.5
    picked[~picked.any(axis=1)] = True
    return picked.astype(np.float64)


def _standard_error(added: Sums, difference: Floats) -> Floats:
    """A large cluster pulls the mean towards itself, so that what is left looks too quiet; the last factor mends it."""
    left = added.sums - difference[:, None] * added.sizes
    spread: Floats = np.sqrt((left**2).sum(axis=1)) / added.sizes.sum()
    return spread / sqrt(1 - 1 / max(added.voices, 2.0))


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
    if room > _NOISE:
        ratio = (_z(1 - alpha / 2) + _z(power)) * found.error / room
    elif room < -_NOISE:
        ratio = detectable(found, 0.0, alpha, power, together) / -found.difference
        ratio = max(ratio, _z(power) * found.error / -room)
    else:
        return None
    needed = ceil(found.cases * ratio**2) - found.cases
    return max(needed, 1) if needed < FAR else None
