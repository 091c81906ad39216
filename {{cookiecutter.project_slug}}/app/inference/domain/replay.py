"""Replaying an answer: the conditions that it was generated under, and what differs when it is generated again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.core.json_types import JsonObject
from app.inference.domain.answer import Question
from app.inference.domain.client_options import NO_OPTIONS, ClientOptions
from app.inference.domain.conversations import Turn
from app.retrieval.domain import Evidence


@dataclass(frozen=True, slots=True)
class HistoryRecord:
    """The turns before a question, and what was searched for. turns: each as the id of its stored answer, so that what
    is erased or closed there is so here, or as the texts that the client sent.
    """

    searched_for: str
    turns: tuple[UUID | tuple[str, str], ...]

    @classmethod
    def of(cls, question: Question, searched_for: str) -> "HistoryRecord":
        return cls(searched_for, tuple(each.answer_id or (each.question, each.answer) for each in question.history))

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "HistoryRecord":
        turns = tuple(UUID(each) if isinstance(each, str) else (each[0], each[1]) for each in stored["turns"])
        return cls(stored["searched_for"], turns)

    @property
    def answer_ids(self) -> tuple[UUID, ...]:
        return tuple(each for each in self.turns if isinstance(each, UUID))

    def history(self, answers: Mapping[UUID, Turn]) -> tuple[Turn, ...]:
        """The turns again; without those whose answers are not among these."""
        known = (answers.get(each) if isinstance(each, UUID) else Turn(*each) for each in self.turns)
        return tuple(turn for turn in known if turn is not None)


_LATER = frozenset({"options", "history", "previous"})


@dataclass(frozen=True, slots=True)
class AnswerConditions:
    """The options of the question, the asker's groups, and the evidence: chunks with their scores. options: those of a
    client of the OpenAI API; None for none. history: None for a question without turns before it. previous: the answer
    that the question continues.
    """

    sentences: int
    passages: int
    max_tokens: int
    temperature: float | None
    model: str | None
    groups: tuple[str, ...]
    evidence: tuple[tuple[UUID, float], ...]
    degraded: str | None
    options: JsonObject | None = None
    history: HistoryRecord | None = None
    previous: str | None = None

    @classmethod
    def of(
        cls, question: Question, groups: Iterable[str], evidence: Evidence, searched_for: str | None = None
    ) -> "AnswerConditions":
        history = HistoryRecord.of(question, searched_for or question.text) if question.history else None
        evidence_scores = tuple((passage.chunk_id, passage.score) for passage in evidence.passages)
        options = (question.sentences, question.passages, question.max_tokens, question.temperature, question.model)
        of_client = None if question.options is NO_OPTIONS else question.options.as_dict()
        previous = str(question.previous) if question.previous else None
        return cls(*options, tuple(sorted(groups)), evidence_scores, evidence.degraded, of_client, history, previous)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "AnswerConditions":
        evidence = tuple((UUID(chunk), float(score)) for chunk, score in stored["evidence"])
        history = HistoryRecord.read(stored["history"]) if stored.get("history") else None
        return cls(**{**stored, "groups": tuple(stored["groups"]), "evidence": evidence, "history": history})

    def stored(self) -> dict[str, Any]:
        """As it is stored: without what the question has not, which an older version does not know."""
        values = {name: getattr(self, name) for name in AnswerConditions.__slots__}
        return {name: each for name, each in values.items() if each is not None or name not in _LATER}

    def question(self, text: str, answers: Mapping[UUID, Turn] | None = None) -> Question:
        """The question as it was asked. answers: the turns before it that are still stored, by id."""
        question = Question(text, self.sentences, self.passages, self.max_tokens, self.temperature, self.model)
        if self.options is not None:
            question = replace(question, options=ClientOptions.read(self.options))
        if self.history is None:
            return question
        turns = self.history.history(answers or {})
        return replace(question, history=turns, search_text=self.history.searched_for)


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
