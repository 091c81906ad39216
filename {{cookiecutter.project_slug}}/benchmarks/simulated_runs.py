"""Simulated runs of two releases over a suite, with a known true fall.

Documents differ in length and difficulty, and a change of release helps some and hurts others, so that cases of one
document are correlated. Scores: `right` is 0 or 1, `facts` a share of three facts, `words` any share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.evaluation.domain.scores import CaseScore, RunScores

Floats = NDArray[np.float64]
Kind = Literal["right", "facts", "words"]
KINDS: tuple[Kind, ...] = ("right", "facts", "words")
SUITES = ((60, 25), (80, 30), (100, 40))
_NORMAL = NormalDist()
# How far documents differ in difficulty, and in what the change does to them; how much of a case's luck stays.
_DIFFICULTY, _EFFECT, _LUCK = 0.8, 0.35, 0.9


@dataclass(frozen=True)
class World:
    """level: mean score of the baseline. fall: the true difference of the mean of the candidate."""

    kind: Kind
    fall: float
    level: float = 0.8

    def draw(self, documents: NDArray[np.intp], runs: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Sample scores before and after, (runs, cases) each. documents: (cases,), the document of each case."""
        if self.kind == "words":
            return self._words(documents, runs, rng)
        facts = 3 if self.kind == "facts" else 1
        shape = (runs, len(documents), facts)
        difficulty = _DIFFICULTY * _by_document(documents, runs, rng)[:, :, None]
        effect = _EFFECT * _by_document(documents, runs, rng)[:, :, None]
        luck = rng.standard_normal(shape)
        other = _LUCK * luck + sqrt(1 - _LUCK**2) * rng.standard_normal(shape)
        start = _NORMAL.inv_cdf(self.level) * sqrt(1 + _DIFFICULTY**2)
        end = _NORMAL.inv_cdf(self.level - self.fall) * sqrt(1 + _DIFFICULTY**2 + _EFFECT**2)
        before, after = start + difficulty + luck > 0, end + difficulty + effect + other > 0
        return before.mean(axis=2), after.mean(axis=2)

    def _words(self, documents: NDArray[np.intp], runs: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Sample skewed changes: most cases hardly change, some lose much."""
        before = 0.5 + 0.3 * rng.random((runs, len(documents)))
        effect = 0.05 * _by_document(documents, runs, rng)
        skewed = 0.1 * (1 - rng.exponential(1.0, before.shape))
        return before, before - self.fall + effect + skewed


def _by_document(documents: NDArray[np.intp], runs: int, rng: np.random.Generator) -> Floats:
    drawn: Floats = rng.standard_normal((runs, int(documents.max()) + 1))[:, documents]
    return drawn


def suite(cases: int, documents: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """The document of each case: every document has at least one case, a few have many."""
    weights = rng.gamma(1.5, 1.0, documents)
    more = rng.choice(documents, cases - documents, p=weights / weights.sum())
    return np.sort(np.concatenate([np.arange(documents), more]))


def scores(release: str, documents: Sequence[int], values: dict[str, Floats]) -> RunScores:
    """values: by metric, one a case."""
    rows = tuple(
        CaseScore(
            case_id=f"c{number}",
            digest="0" * 64,
            cluster=f"d{document}",
            values={name: float(each[number]) for name, each in values.items()},
        )
        for number, document in enumerate(documents)
    )
    return RunScores(release * 64, "made-up", "1" * 64, rows)
