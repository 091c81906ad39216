"""Replaying an answer: the conditions that it was generated under, and what differs when it is generated again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.inference.domain.answer import Question
from app.retrieval.domain import Evidence


@dataclass(frozen=True, slots=True)
class AnswerConditions:
    """What was asked for besides the text, on behalf of which groups, and the evidence: chunks with their scores."""

    sentences: int
    passages: int
    max_tokens: int
    temperature: float | None
    model: str | None
    groups: tuple[str, ...]
    evidence: tuple[tuple[UUID, float], ...]
    degraded: str | None

    @classmethod
    def of(cls, question: Question, groups: Iterable[str], evidence: Evidence) -> "AnswerConditions":
        found = tuple((passage.chunk_id, passage.score) for passage in evidence.passages)
        asked = (question.sentences, question.passages, question.max_tokens, question.temperature, question.model)
        return cls(*asked, tuple(sorted(groups)), found, evidence.degraded)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "AnswerConditions":
        found = tuple((UUID(chunk), float(score)) for chunk, score in stored["evidence"])
        return cls(**{**stored, "groups": tuple(stored["groups"]), "evidence": found})

    def question(self, text: str) -> Question:
        return Question(text, self.sentences, self.passages, self.max_tokens, self.temperature, self.model)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A past answer beside the one that its release gives now, on the documents as they were then.

    same_evidence: the same passages with the same scores. missing: passages that were deleted or closed to the groups
    since, which nothing brings back. repeatable: the answer was quoted, so its text must be the same to the byte.
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
        """Whether all is as it must be."""
        return self.same_evidence and (self.same_text or not self.repeatable)
