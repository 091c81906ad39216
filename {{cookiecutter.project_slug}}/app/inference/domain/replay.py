"""Replaying an answer: the conditions that it was generated under, and what differs when it is generated again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.inference.domain.answer import Question
from app.retrieval.domain import Evidence


@dataclass(frozen=True, slots=True)
class AnswerConditions:
    """The options of the question, the asker's groups, and the evidence: chunks with their scores.

    previous: the answer that the question continues.
    """

    sentences: int
    passages: int
    max_tokens: int
    temperature: float | None
    model: str | None
    groups: tuple[str, ...]
    evidence: tuple[tuple[UUID, float], ...]
    degraded: str | None
    previous: str | None = None

    @classmethod
    def of(cls, question: Question, groups: Iterable[str], evidence: Evidence) -> "AnswerConditions":
        evidence_scores = tuple((passage.chunk_id, passage.score) for passage in evidence.passages)
        options = (question.sentences, question.passages, question.max_tokens, question.temperature, question.model)
        previous = str(question.previous) if question.previous else None
        return cls(*options, tuple(sorted(groups)), evidence_scores, evidence.degraded, previous)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "AnswerConditions":
        evidence = tuple((UUID(chunk), float(score)) for chunk, score in stored["evidence"])
        return cls(**{**stored, "groups": tuple(stored["groups"]), "evidence": evidence})

    def question(self, text: str) -> Question:
        return Question(text, self.sentences, self.passages, self.max_tokens, self.temperature, self.model)


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between the stored answer and its replay."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A past answer and its replay on the same release and corpus version.

    same_evidence: the same passages with the same scores. missing: passages that were deleted or closed to the groups
    since. repeatable: the answer is extractive, so its text must be identical.
    """

    answer_id: UUID
    release_id: str
    corpus_version: int
    same_evidence: bool
    same_text: bool
    repeatable: bool
    missing: int
    before: str
    after: str
    differences: tuple[Difference, ...]

    @property
    def faithful(self) -> bool:
        """Whether the evidence is the same, and so is the text where it is repeatable."""
        return self.same_evidence and (self.same_text or not self.repeatable)
