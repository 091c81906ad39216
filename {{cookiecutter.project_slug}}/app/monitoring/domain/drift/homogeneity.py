"""Whether two samples come from one distribution, with critical values that know the sizes of both samples.

For distributions, Pearson's test of homogeneity: the same as a population stability index whose limit is
(1/n + 1/m) times a quantile of chi-square, in place of 0.1 or 0.25 whatever the sizes. For shares, Fisher's exact test.
"""

from functools import lru_cache
from math import erfc, exp, lgamma, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def homogeneity(reference: Counts, window: Counts) -> tuple[float, float]:
    """The p value, and the PSI. reference, window: how many fall into each bin, both with the same bins."""
    used = reference + window > 0
    first, second = reference[used].astype(float), window[used].astype(float)
    if len(first) < 2 or not first.sum() or not second.sum():
        return 1.0, 0.0
    pooled = (first + second) / (first.sum() + second.sum())
    statistic = sum(
        float(((each - each.sum() * pooled) ** 2 / (each.sum() * pooled)).sum()) for each in (first, second)
    )
    return chi_square_tail(statistic, len(first) - 1), stability_index(first, second)


def stability_index(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The symmetrised divergence of two distributions, of counts with half a case added to each bin."""
    shares = [(each + 0.5) / (each.sum() + 0.5 * len(each)) for each in (first, second)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The chance of a larger value. freedom: at least 1."""
    half = statistic / 2
    if half <= 0:
        return 1.0
    if freedom % 2 == 0:
        term, total = 1.0, 1.0
        for number in range(1, freedom // 2):
            term *= half / number
            total += term
        return exp(-half) * total
    total, term = erfc(sqrt(half)), 2 * sqrt(half / pi) * exp(-half)
    for number in range(1, (freedom - 1) // 2 + 1):
        total += term
        term *= half / (number + 0.5)
    return min(1.0, total)


@lru_cache(maxsize=50_000)
def share_rise(reference: int, reference_size: int, window: int, window_size: int) -> float:
    """The chance of so large a share of the window, if both have one: Fisher's exact test, one-sided.

    reference, window: how many of the answers of each have what is counted.
    """
    marked, whole = reference + window, reference_size + window_size
    most = min(marked, window_size)
    base = _choose(whole, window_size)
    terms = (_choose(marked, k) + _choose(whole - marked, window_size - k) - base for k in range(window, most + 1))
    return min(1.0, sum(exp(each) for each in terms))


def share_change(reference: int, reference_size: int, window: int, window_size: int) -> float:
    """As `share_rise`, for a change in either direction."""
    rise = share_rise(reference, reference_size, window, window_size)
    fall = share_rise(reference_size - reference, reference_size, window_size - window, window_size)
    return min(1.0, 2 * min(rise, fall))


def _choose(whole: int, part: int) -> float:
    if part < 0 or part > whole:
        return -log(2) * 1e4
    return lgamma(whole + 1) - lgamma(part + 1) - lgamma(whole - part + 1)
