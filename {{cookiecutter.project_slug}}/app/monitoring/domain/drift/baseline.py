"""A reference of live traffic, and each signal of an answer as the number of a bin of the reference."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.core.languages.identification import language_of
from app.inference.domain.answer_record import AnswerRecord
from app.monitoring.domain.drift.homogeneity import homogeneity, share_change, share_rise
from app.monitoring.domain.drift.kernel import KernelFeatures, discrepancy
from app.monitoring.domain.drift.signals import SIGNALS, SignalCheck, SignalName
from app.monitoring.domain.question_vectors import QuestionArray

Bins = NDArray[np.int64]
"""(answers, signals) in the order of BINNED; -1 where an answer has no value."""
BINNED: tuple[SignalName, ...] = tuple(name for name in SIGNALS if name != "questions")
SHARES: Mapping[SignalName, Literal["rise", "change"]] = {"uncovered": "rise", "refusals": "change"}
"""Signals that are a share of yes. A fall of questions beyond the reference is no trouble."""
_QUANTILES, _TOPICS, _ROUNDS = 8, 10, 12
_LEAST_SHARE, _BEYOND = 0.05, 0.02
EXAMPLES = 5
_KERNEL_ANSWERS = 400


@dataclass(frozen=True)
class TrafficSample:
    """Answers with the vectors of their questions; those without one are left out by whoever makes it."""

    records: Sequence[AnswerRecord]
    vectors: QuestionArray

    @classmethod
    def of(cls, records: Sequence[AnswerRecord], vectors: Mapping[UUID, QuestionArray]) -> "TrafficSample":
        having = [each for each in records if each.id in vectors]
        rows = [vectors[each.id] for each in having]
        return cls(having, np.stack(rows) if rows else np.zeros((0, 1), dtype=np.float32))


@dataclass(frozen=True)
class Baseline:
    """What was usual. counts: by signal, how many answers of the reference are in each bin. features: of questions of
    the reference."""

    size: int
    binning: "Binning"
    counts: Mapping[SignalName, Bins]
    kernel: KernelFeatures
    features: NDArray[np.float64]

    @classmethod
    def fit(cls, sample: TrafficSample) -> "Baseline":
        binning = Binning.fit(sample)
        bins = binning.of(sample, inside=True)
        counts = {
            name: np.bincount(column[column >= 0], minlength=binning.widths[name])
            for name, column in zip(BINNED, bins.T, strict=True)
        }
        kernel = KernelFeatures.fit(sample.vectors)
        return cls(len(sample.records), binning, counts, kernel, kernel.of(sample.vectors[:_KERNEL_ANSWERS]))

    def check(self, bins: Bins, alpha: float) -> list[SignalCheck]:
        """All signals except `questions`. bins: of the window. alpha: of this look, of one signal."""
        checks = []
        for name, column in zip(BINNED, bins.T, strict=True):
            reference, here = self.counts[name], column[column >= 0]
            window = np.bincount(here, minlength=len(reference))
            sizes = int(reference.sum()), int(window.sum())
            if name in SHARES:
                test = share_rise if SHARES[name] == "rise" else share_change
                counted = int(reference[1]), sizes[0], int(window[1]), sizes[1]
                p = test(*counted) if all(sizes) else 1.0
                effect = counted[2] / sizes[1] - counted[0] / sizes[0] if all(sizes) else 0.0
            else:
                p, effect = homogeneity(reference, window)
            checks.append(SignalCheck(name, p, alpha, effect, *sizes))
        return checks

    def examples(self, name: SignalName, bins: Bins) -> list[int]:
        """Which answers of the window show the change: those of the bin that grew most, the first ones. Of `questions`
        those that are uncovered.
        """
        column = bins[:, BINNED.index("uncovered" if name == "questions" else name)]
        reference = self.counts["uncovered" if name == "questions" else name]
        window = np.bincount(column[column >= 0], minlength=len(reference))
        growth = window / max(1, window.sum()) - reference / max(1, reference.sum())
        grown = 1 if name in ("questions", "uncovered") else int(growth.argmax())
        return [int(each) for each in np.flatnonzero(column == grown)[:EXAMPLES]]

    def check_questions(self, vectors: QuestionArray, alpha: float) -> SignalCheck:
        """The signal `questions`. vectors: of the window."""
        p, effect = discrepancy(self.features, self.kernel.of(vectors), alpha)
        return SignalCheck("questions", p, alpha, effect, len(self.features), len(vectors))


@dataclass(frozen=True)
class Binning:
    """radius: an answer is uncovered if its question is less similar to every one of the reference. centres: of topics.
    edges: between the bins of numbers. names: of categories, the rare ones left out. models: edges of the latency by
    model. widths: the number of bins."""

    questions: QuestionArray
    radius: float
    centres: QuestionArray
    edges: Mapping[SignalName, NDArray[np.float64]]
    names: Mapping[SignalName, tuple[str, ...]]
    models: Mapping[str, NDArray[np.float64]]
    widths: Mapping[SignalName, int]

    @classmethod
    def fit(cls, sample: TrafficSample) -> "Binning":
        records = sample.records
        edges = {name: _edges([value(each) for each in records]) for name, value in NUMBERS.items()}
        names = {name: _frequent([value(each) for each in records]) for name, value in CATEGORIES.items()}
        models = {
            model: _edges([each.latency_ms for each in records if each.model == model]) for model in _models(records)
        }
        centres = _topics(sample.vectors)
        widths: dict[SignalName, int] = {"uncovered": 2, "refusals": 2, "topics": len(centres), "latency": _QUANTILES}
        widths |= {name: len(each) + 1 for name, each in edges.items()}
        widths |= {name: len(each) + 1 for name, each in names.items()}
        radius = float(np.quantile(_nearest(sample.vectors, sample.vectors, inside=True), _BEYOND))
        return cls(sample.vectors, radius, centres, edges, names, models, widths)

    def of(self, sample: TrafficSample, inside: bool = False) -> Bins:
        """inside: the sample is the reference itself, and no question is compared with itself."""
        near = _nearest(sample.vectors, self.questions, inside)
        columns: dict[SignalName, Sequence[int] | NDArray[np.int64]] = {
            "uncovered": (near < self.radius).astype(np.int64),
            "topics": (sample.vectors @ self.centres.T).argmax(axis=1),
            "refusals": [int(bool(each.refusal)) for each in sample.records],
            "latency": [_bin(each.latency_ms, self.models.get(each.model)) for each in sample.records],
        }
        for name, value in NUMBERS.items():
            columns[name] = [_bin(value(each), self.edges[name]) for each in sample.records]
        for category, named in CATEGORIES.items():
            known = {each: number for number, each in enumerate(self.names[category])}
            columns[category] = [
                -1 if (each := named(record)) is None else known.get(each, len(known)) for record in sample.records
            ]
        return np.stack([np.asarray(columns[name], dtype=np.int64) for name in BINNED], axis=1)


NUMBERS: Mapping[SignalName, Callable[[AnswerRecord], float | None]] = {
    "retrieval_scores": lambda record: record.top_score,
    "question_length": lambda record: float(len(record.question)),
    "answer_length": lambda record: None if record.refusal else float(record.answer_characters),
    "costs": lambda record: float(record.cost_micro_usd),
}
CATEGORIES: Mapping[SignalName, Callable[[AnswerRecord], str | None]] = {
    "languages": lambda record: language_of(record.question),
    "sources": lambda record: next(iter(record.sources), None),
}


def _models(records: Sequence[AnswerRecord]) -> list[str]:
    """Models with enough answers to know their usual latency."""
    return sorted(model for model, count in Counter(each.model for each in records).items() if count >= 100)


def _edges(values: Sequence[float | None]) -> NDArray[np.float64]:
    known = np.asarray([each for each in values if each is not None], dtype=float)
    if not len(known):
        return np.zeros(0)
    return np.unique(np.quantile(known, np.arange(1, _QUANTILES) / _QUANTILES))


def _bin(value: float | None, edges: NDArray[np.float64] | None) -> int:
    return -1 if value is None or edges is None else int(np.searchsorted(edges, value, side="left"))


def _frequent(values: Sequence[str | None]) -> tuple[str, ...]:
    known = [each for each in values if each is not None]
    counted = Counter(known)
    return tuple(sorted(name for name, count in counted.items() if count >= _LEAST_SHARE * len(known)))


def _nearest(vectors: QuestionArray, reference: QuestionArray, inside: bool) -> NDArray[np.float64]:
    """The cosine of each to the nearest question of the reference."""
    near = np.empty(len(vectors))
    for start in range(0, len(vectors), 1000):
        cosines = vectors[start : start + 1000] @ reference.T
        if inside:
            rows = np.arange(len(cosines))
            cosines[rows, start + rows] = -2.0
        near[start : start + 1000] = cosines.max(axis=1)
    return near


def _topics(vectors: QuestionArray) -> QuestionArray:
    """Centres of clusters, of the length 1: spherical k-means from spread starts. Deterministic."""
    centres = [vectors[0]]
    for _ in range(1, min(_TOPICS, len(vectors))):
        centres.append(vectors[int((vectors @ np.stack(centres).T).max(axis=1).argmin())])
    found = np.stack(centres)
    for _ in range(_ROUNDS):
        labels = (vectors @ found.T).argmax(axis=1)
        sums = np.stack([vectors[labels == number].sum(axis=0) for number in range(len(found))])
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        found = np.where(lengths > 1e-9, sums / np.maximum(lengths, 1e-9), found)
    kept: QuestionArray = found.astype(np.float32)
    return kept
