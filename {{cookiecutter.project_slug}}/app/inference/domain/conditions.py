"""Under which conditions an answer came about, so that it can be made again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.inference.domain.answers import Question
from app.retrieval.domain import Evidence


@dataclass(frozen=True, slots=True)
class Conditions:
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
    def of(cls, question: Question, groups: Iterable[str], evidence: Evidence) -> "Conditions":
        found = tuple((passage.chunk_id, passage.score) for passage in evidence.passages)
        asked = (question.sentences, question.passages, question.max_tokens, question.temperature, question.model)
        return cls(*asked, tuple(sorted(groups)), found, evidence.degraded)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Conditions":
        found = tuple((UUID(chunk), float(score)) for chunk, score in stored["evidence"])
        return cls(**{**stored, "groups": tuple(stored["groups"]), "evidence": found})

    def question(self, text: str) -> Question:
        return Question(text, self.sentences, self.passages, self.max_tokens, self.temperature, self.model)
