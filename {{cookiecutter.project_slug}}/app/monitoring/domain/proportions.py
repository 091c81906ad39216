"""Intervals of shares, and of the difference of two shares."""

from math import sqrt
from statistics import NormalDist


def share_interval(hits: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval; the whole range without any observation."""
    if not of:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, spread = hits / of, z**2 / of
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def difference_interval(
    hits: int, of: int, other_hits: int, other_of: int, level: float = 0.95
) -> tuple[float, float, float]:
    """The difference of two independent shares, with Newcombe's interval from the two of Wilson."""
    if not of or not other_of:
        return 0.0, -1.0, 1.0
    one, other = hits / of, other_hits / other_of
    low, high = share_interval(hits, of, level)
    other_low, other_high = share_interval(other_hits, other_of, level)
    difference = one - other
    below = sqrt((one - low) ** 2 + (other_high - other) ** 2)
    above = sqrt((high - one) ** 2 + (other - other_low) ** 2)
    return difference, max(-1.0, difference - below), min(1.0, difference + above)
