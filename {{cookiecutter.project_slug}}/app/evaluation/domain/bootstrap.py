"""The interval of a mean by the percentile bootstrap."""

from collections.abc import Sequence

DRAWS = 2000
_MAX_CELLS = 4_000_000
"""Resampled values that are in memory at a time."""


def mean_interval(values: Sequence[float], level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """The interval of the mean of independent values; (mean, mean) when all are the same, (0, 0) without any."""
    import numpy as np  # a process that reports nothing does without it

    data = np.asarray(values, dtype=np.float64)
    if not len(data):
        return 0.0, 0.0
    random = np.random.default_rng(seed)
    rows = max(1, min(DRAWS, _MAX_CELLS // len(data)))
    means: list[float] = []
    while len(means) < DRAWS:
        draws = random.integers(0, len(data), (min(rows, DRAWS - len(means)), len(data)))
        means += data[draws].mean(axis=1).tolist()
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
