"""Maximum mean discrepancy of two samples of vectors, by random Fourier features (Rahimi and Recht 2007), with a
permutation test that stops early (Besag and Clifford 1991): its p value is valid for any statistic and any size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.monitoring.domain.question_vectors import QuestionArray

FEATURES = 128
_BATCH, _ENOUGH = 40, 10
_ROUNDING = 1e-12
"""Discrepancies this close are equal: where all questions are the same, only rounding tells them apart."""


@dataclass(frozen=True)
class KernelFeatures:
    """Features whose inner products approximate a Gaussian kernel. weights: (dimensions, FEATURES / 2)."""

    weights: NDArray[np.float64]

    @classmethod
    def fit(cls, vectors: QuestionArray, seed: int = 0) -> "KernelFeatures":
        """With the median distance of the vectors as the width of the kernel."""
        rng = np.random.default_rng(seed)
        pairs = rng.integers(0, len(vectors), (2, 1000))
        distances = np.linalg.norm(vectors[pairs[0]] - vectors[pairs[1]], axis=1)
        width = float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0
        return cls(rng.standard_normal((vectors.shape[1], FEATURES // 2)) / width)

    def of(self, vectors: QuestionArray) -> NDArray[np.float64]:
        """(vectors, FEATURES)."""
        angles = vectors @ self.weights
        features: NDArray[np.float64] = np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / np.sqrt(FEATURES / 2)
        return features


def discrepancy(
    first: NDArray[np.float64], second: NDArray[np.float64], least_p: float, seed: int = 0
) -> tuple[float, float]:
    """The p value of the permutation test, and the squared discrepancy. first, second: features.

    least_p: how small a p value has to be told apart; so many permutations are drawn, and fewer where p is not small.
    """
    rng, size = np.random.default_rng(seed), len(second)
    both = np.concatenate([first, second])
    total = both.sum(axis=0)
    observed = _squared(second.sum(axis=0)[None, :], total, size, len(both))[0]
    drawn, larger, most = 0, 0, int(np.ceil(2 / least_p))
    while drawn < most and larger < _ENOUGH:
        chosen = np.argpartition(rng.random((_BATCH, len(both))), size, axis=1)[:, :size]
        selection = np.zeros((_BATCH, len(both)))
        np.put_along_axis(selection, chosen, 1.0, axis=1)
        larger += int((_squared(selection @ both, total, size, len(both)) >= observed - _ROUNDING).sum())
        drawn += _BATCH
    return (1 + larger) / (1 + drawn), float(observed)


def _squared(sums: NDArray[np.float64], total: NDArray[np.float64], size: int, whole: int) -> NDArray[np.float64]:
    difference = sums / size - (total - sums) / (whole - size)
    squared: NDArray[np.float64] = (difference**2).sum(axis=1)
    return squared
