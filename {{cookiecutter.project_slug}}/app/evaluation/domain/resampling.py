"""Mean differences between two runs over the same cases, where cases from one source document are not independent.

Interval and p value come from one sign-flip permutation test over clusters. Inverting the test (Hartigan 1969) gives
the interval: its ends are quantiles of the mean over random subsets of clusters. Where few cases changed that interval
is too short, so a part of a case that fell and of one that rose is added (Agresti and Min, for paired proportions).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from app.evaluation.domain.statistics import NOISE, Estimate

_Floats = NDArray[np.float64]
# Added in each direction; benchmarks/gate_simulation.py measures the coverage of the interval with it.
_PSEUDO_CASES = 0.75


@dataclass(frozen=True, slots=True)
class Estimates:
    """Estimates of many simulated runs over one suite, each an array of shape (runs,)."""

    difference: _Floats
    low: _Floats
    high: _Floats
    p: _Floats
    error: _Floats


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """sums: (runs, clusters), the sum of differences of each cluster; sizes: (clusters,), its cases;
    typical: (runs,), the root mean square of the differences that are not zero.
    """

    sums: _Floats
    sizes: _Floats
    typical: _Floats

    @property
    def effective_clusters(self) -> float:
        return float(self.sizes.sum() ** 2 / (self.sizes**2).sum())


def estimate(differences: Sequence[float], clusters: Sequence[str], alpha: float, draws: int, seed: int) -> Estimate:
    """differences: one per case; clusters: the source document of each. The interval has the level 1 - alpha."""
    names, cluster_of_case = np.unique(np.asarray(clusters), return_inverse=True)
    cluster_sums = sum_by_cluster(np.asarray([differences], dtype=np.float64), cluster_of_case)
    one = estimates(cluster_sums, alpha, draws, seed)
    numbers = (
        float(each[0])
        for each in (
            one.difference,
            one.low,
            one.high,
            one.p,
            one.error,
        )
    )
    return Estimate(len(differences), len(names), cluster_sums.effective_clusters, *numbers)


def sum_by_cluster(differences: _Floats, cluster_of_case: NDArray[np.intp]) -> ClusterSums:
    """differences: (runs, cases); cluster_of_case: (cases,), cluster numbers from 0 without gaps."""
    sizes = np.bincount(cluster_of_case).astype(np.float64)
    member = np.zeros((len(cluster_of_case), len(sizes)))
    member[np.arange(len(cluster_of_case)), cluster_of_case] = 1.0
    changed = np.maximum((differences != 0).sum(axis=1), 1)
    return ClusterSums(differences @ member, sizes, np.sqrt((differences**2).sum(axis=1) / changed))


def estimates(cluster_sums: ClusterSums, alpha: float, draws: int, seed: int) -> Estimates:
    cases, clusters = float(cluster_sums.sizes.sum()), len(cluster_sums.sizes)
    difference = cluster_sums.sums.sum(axis=1) / cases
    subsets = _subsets(clusters + 2, draws, seed)
    totals = cluster_sums.sums @ subsets[:, :clusters].T
    pseudo_sums = _PSEUDO_CASES * cluster_sums.typical[:, None] * (subsets[:, -1] - subsets[:, -2])
    means = (totals + pseudo_sums) / (subsets @ np.append(cluster_sums.sizes, [_PSEUDO_CASES, _PSEUDO_CASES]))
    return Estimates(
        difference=difference,
        low=np.minimum(np.quantile(means, alpha / 2, axis=1, method="lower"), difference),
        high=np.maximum(np.quantile(means, 1 - alpha / 2, axis=1, method="higher"), difference),
        p=(1 + (totals >= -NOISE).sum(axis=1)) / (1 + len(subsets)),
        error=_standard_error(cluster_sums, difference),
    )


def _subsets(members: int, draws: int, seed: int) -> _Floats:
    """Rows of 0 and 1, one per subset: all non-empty subsets when there are at most `draws`, else random ones."""
    if 2**members <= draws:
        numbers = np.arange(1, 2**members)
        return ((numbers[:, None] >> np.arange(members)) & 1).astype(np.float64)
    subsets = np.random.default_rng(seed).random((draws, members)) < 0.5
    subsets[~subsets.any(axis=1)] = True
    return subsets.astype(np.float64)


def _standard_error(cluster_sums: ClusterSums, difference: _Floats) -> _Floats:
    """Cluster-robust; the last factor corrects the bias by which large clusters make the residuals too small."""
    residuals = cluster_sums.sums - difference[:, None] * cluster_sums.sizes
    spread: _Floats = np.sqrt((residuals**2).sum(axis=1)) / cluster_sums.sizes.sum()
    return spread / sqrt(1 - 1 / max(cluster_sums.effective_clusters, 2.0))
