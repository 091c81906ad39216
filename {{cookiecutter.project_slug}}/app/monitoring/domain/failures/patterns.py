"""Patterns of failures: the same signature and similar questions, ranked by harm and by growth."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log2
from typing import TYPE_CHECKING
from uuid import UUID

from app.inference.domain.answer_record import AnswerRecord, FailedRequest
from app.monitoring.domain.failures.failure_policy import FailurePolicy, HarmWeights
from app.monitoring.domain.failures.signature import (
    ANY_QUESTION,
    FailureSignature,
    Responsible,
    signature_of,
    signature_of_problem,
)

if TYPE_CHECKING:
    from app.monitoring.domain.question_vectors import QuestionArray


@dataclass(frozen=True, slots=True)
class Failure:
    """answer_id: None for a request that ended without an answer."""

    answer_id: UUID | None
    signature: FailureSignature
    harm: float

    @classmethod
    def of(cls, record: AnswerRecord, weights: HarmWeights) -> "Failure":
        harm = (
            weights.refused * bool(record.refusal)
            + weights.degraded * record.degraded
            + weights.unhelpful * (record.helpful is False)
            + weights.rejected * (record.outcome == "rejected")
        )
        return cls(record.id, signature_of(record), harm)

    @classmethod
    def of_problem(cls, failure: FailedRequest, weights: HarmWeights) -> "Failure":
        return cls(None, signature_of_problem(failure), weights.problem)


@dataclass(frozen=True, slots=True)
class FailureWindow:
    """answers: all of the window, also those that did not fail. vectors: of the failures' questions by answer, where
    there are any."""

    failures: Sequence[Failure]
    answers: int
    vectors: Mapping[UUID, "QuestionArray"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FailurePattern:
    """answers: the failed answers, the most typical first; empty where requests ended without one. before: failures of
    the pattern in the window before. growth: the ratio of their shares of all answers, now to before. mixed: the
    questions that resemble no others of their signature.
    """

    signature: FailureSignature
    answers: tuple[UUID, ...]
    failures: int
    before: int
    harm: float
    growth: float
    mixed: bool = False

    @property
    def score(self) -> float:
        """What the patterns are ranked by: the harm, and more of it where it grows."""
        return self.harm * (1 + log2(max(1.0, self.growth)))

    @property
    def responsible(self) -> Responsible:
        return self.signature.responsible


def find_patterns(
    now: FailureWindow, before: FailureWindow, background: float, policy: FailurePolicy
) -> list[FailurePattern]:
    """The worst first. background: the mean similarity of two questions of the traffic."""
    by_signature: dict[FailureSignature, list[Failure]] = defaultdict(list)
    for failure in now.failures:
        by_signature[failure.signature].append(failure)
    earlier: dict[FailureSignature, list[Failure]] = defaultdict(list)
    for failure in before.failures:
        earlier[failure.signature].append(failure)
    similarity = background + policy.similarity * (1 - background)
    patterns = [
        pattern
        for signature, failures in sorted(by_signature.items())
        for pattern in _SignatureGroups(signature, now, before, similarity, policy).patterns(
            failures, earlier[signature]
        )
    ]
    return sorted(patterns, key=lambda each: (-each.score, each.signature, each.answers))[: policy.max_patterns]


@dataclass(frozen=True)
class _SignatureGroups:
    """The failures of one signature, divided by their questions."""

    signature: FailureSignature
    now: FailureWindow
    before: FailureWindow
    similarity: float
    policy: FailurePolicy

    def patterns(self, failures: Sequence[Failure], earlier: Sequence[Failure]) -> list[FailurePattern]:
        if self.signature.responsible in ANY_QUESTION:
            return [self._pattern(failures, len(earlier))]
        placed = [each for each in failures if each.answer_id in self.now.vectors]
        rest = [each for each in failures if each.answer_id not in self.now.vectors]
        groups, small = self._groups(placed)
        counts, unlike = self._earlier(groups, earlier)
        found = [self._pattern(group, count) for group, count in zip(groups, counts, strict=True)]
        mixed = [*small, *rest]
        return [*found, self._pattern(mixed, unlike, mixed=bool(placed))] if mixed else found

    def _groups(self, placed: Sequence[Failure]) -> tuple[list[list[Failure]], list[Failure]]:
        """Groups with enough failures, each with the most typical first; and the failures of all others."""
        import numpy as np

        from app.monitoring.domain.failures.grouping import group

        if not placed:
            return [], []
        vectors = self._vectors(placed, self.now)
        labels = group(vectors, self.similarity)
        groups: list[list[Failure]] = []
        small: list[Failure] = []
        for label in range(int(labels.max()) + 1):
            members = np.flatnonzero(labels == label)
            central = vectors[members] @ vectors[members].mean(axis=0)
            ordered = [placed[each] for each in members[np.argsort(-central, kind="stable")]]
            if len(ordered) >= self.policy.min_failures:
                groups.append(ordered)
            else:
                small += ordered
        return groups, small

    def _earlier(self, groups: Sequence[Sequence[Failure]], earlier: Sequence[Failure]) -> tuple[list[int], int]:
        """How many failures of the window before are like each group, and like none."""
        import numpy as np

        placed = [each for each in earlier if each.answer_id in self.before.vectors]
        if not groups or not placed:
            return [0] * len(groups), len(earlier)
        centres = np.stack([self._vectors(group, self.now).mean(axis=0) for group in groups])
        near = self._vectors(placed, self.before) @ centres.T
        best, enough = near.argmax(axis=1), near.max(axis=1) >= self.similarity
        counts = np.bincount(best[enough], minlength=len(groups))
        return [int(each) for each in counts], len(earlier) - int(enough.sum())

    @staticmethod
    def _vectors(failures: Sequence[Failure], window: FailureWindow) -> "QuestionArray":
        import numpy as np

        return np.stack([window.vectors[each.answer_id] for each in failures if each.answer_id is not None])

    def _pattern(self, failures: Sequence[Failure], before: int, mixed: bool = False) -> FailurePattern:
        share = (len(failures) + 1) / (self.now.answers + 1)
        share_before = (before + 1) / (self.before.answers + 1)
        return FailurePattern(
            signature=self.signature,
            answers=tuple(each.answer_id for each in failures if each.answer_id is not None),
            failures=len(failures),
            before=before,
            harm=sum(each.harm for each in failures),
            growth=share / share_before,
            mixed=mixed,
        )
