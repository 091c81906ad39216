"""Differences between two runs over the same cases, where cases drawn from one source document move together.

Interval and p value are two readings of one permutation test: under 'the mean is d' each cluster's surplus over d may
as well have the other sign. Turning that test inside out (Hartigan 1969) gives the interval: its ends are quantiles of
the mean over random subsets of clusters. Where only a few cases changed, such an interval is too short; so it is taken
over the cases plus a part of one that fell and of one that rose (as Agresti and Min do for paired proportions).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from app.evaluation.domain.statistics import NOISE, Estimate

_Floats = NDArray[np.float64]
# Three quarters of a case each way: benchmarks/gate_simulation.py shows what the interval covers with it.
_DOUBT = 0.75


@dataclass(frozen=True, slots=True)
class Estimates:
    """The same for many runs over one suite at a time, one entry a run."""

    difference: _Floats
    low: _Floats
    high: _Floats
    p: _Floats
    error: _Floats


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """sums: (runs, clusters), differences added up by cluster; sizes: (clusters,), cases of each; typical: (runs,), the
    root mean square of the differences that are not zero.
    """

    sums: _Floats
    sizes: _Floats
    typical: _Floats

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


def add_up(differences: _Floats, where: NDArray[np.intp]) -> ClusterSums:
    """differences: (runs, cases); where: (cases,), the number of each case's cluster, from 0 without a gap."""
    sizes = np.bincount(where).astype(np.float64)
    member = np.zeros((len(where), len(sizes)))
    member[np.arange(len(where)), where] = 1.0
    changed = np.maximum((differences != 0).sum(axis=1), 1)
    return ClusterSums(differences @ member, sizes, np.sqrt((differences**2).sum(axis=1) / changed))


def estimates(added: ClusterSums, alpha: float, draws: int, seed: int) -> Estimates:
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
        p=(1 + (totals >= -NOISE).sum(axis=1)) / (1 + len(picked)),
        error=_standard_error(added, difference),
    )


def _subsets(members: int, draws: int, seed: int) -> _Floats:
    """Rows of 0 and 1 that pick members: every non-empty subset when there are no more than `draws`, else random."""
    if 2**members <= draws:
        numbers = np.arange(1, 2**members)
        return ((numbers[:, None] >> np.arange(members)) & 1).astype(np.float64)
    picked = np.random.default_rng(seed).random((draws, members)) < 0.5
    picked[~picked.any(axis=1)] = True
    return picked.astype(np.float64)


def _standard_error(added: ClusterSums, difference: _Floats) -> _Floats:
    """A large cluster pulls the mean towards itself, so that what is left looks too quiet; the last factor mends it."""
    left = added.sums - difference[:, None] * added.sizes
    spread: _Floats = np.sqrt((left**2).sum(axis=1)) / added.sizes.sum()
    return spread / sqrt(1 - 1 / max(added.voices, 2.0))
