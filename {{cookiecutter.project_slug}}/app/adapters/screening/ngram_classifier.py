"""A logistic regression on n-grams, as the classifier of screening.

docs/explanation/injection-classifier.md is its data sheet, scripts/train_injection_classifier.py trains it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from app.adapters.screening.ngrams import BUCKETS, Floats, canonical, vectors, word_columns
from app.safety.domain.windows import Window
from app.safety.ports import Score

PATH = Path(__file__).with_name("injection_ngrams.npz")
_MAX_WORDS = 400
# The n-grams of a text take two hundred times its memory.
_BATCH_CHARACTERS = 20_000
_STRONGEST = 3


@dataclass(frozen=True)
class NgramClassifier:
    """weights and idf: of each column. thresholds: of a whole text and of a single sentence."""

    weights: Floats
    idf: Floats
    bias: float
    whole_threshold: float
    sentence_threshold: float

    @classmethod
    def load(cls, path: Path = PATH) -> "NgramClassifier":
        with np.load(path, allow_pickle=False) as stored:
            weights = stored["weights"].astype(np.float32) * stored["weight_step"]
            idf = stored["idf"].astype(np.float32) * stored["idf_step"]
            bias, whole, sentence = (float(each) for each in stored["numbers"])
        if len(weights) != BUCKETS or len(idf) != BUCKETS:
            raise ValueError(f"{path.name} has other columns than this version computes")
        return cls(weights, idf, bias, whole, sentence)

    def scores(self, windows: Sequence[Window]) -> Sequence[Score]:
        return [score for some in _batches(windows) for score in self._scores(some)]

    def _scores(self, windows: Sequence[Window]) -> Iterator[Score]:
        texts = [canonical(window.text) for window in windows]
        logits = vectors(texts, self.idf).scores(self.weights, self.bias)
        thresholds = [self.whole_threshold if window.whole else self.sentence_threshold for window in windows]
        for logit, threshold, text in zip(logits, thresholds, texts, strict=True):
            yield Score(float(1 / (1 + np.exp(-logit))), bool(logit >= threshold and text))

    def strongest(self, words: Sequence[str]) -> Sequence[int]:
        """The positions of the words that raise a score most."""
        raised = [(self._raised(canonical(word)), place) for place, word in enumerate(words[:_MAX_WORDS])]
        best = sorted((each for each in raised if each[0] > 0), reverse=True)[:_STRONGEST]
        return sorted(place for _, place in best)

    def _raised(self, word: str) -> float:
        columns = word_columns(word)
        return float((self.weights[columns] * self.idf[columns]).sum()) if word else 0.0


def _batches(windows: Sequence[Window]) -> Iterator[list[Window]]:
    batch: list[Window] = []
    characters = 0
    for window in windows:
        if batch and characters + len(window.text) > _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
        batch.append(window)
        characters += len(window.text)
    if batch:
        yield batch


@lru_cache(1)
def shipped_classifier() -> NgramClassifier:
    return NgramClassifier.load()
