from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from app.core.errors import Invalid, NotFound, Unavailable
from app.costs.domain import Usage
from app.inference.domain.client_options import NO_OPTIONS, ClientOptions
from app.inference.domain.conversations.turns import Turn
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.domain.tool_calls import AnswerAction
from app.llm.domain.messages import ToolCall
from app.releases.domain import PRODUCTION
from app.retrieval.domain import Evidence, Passage
from app.safety.domain.output_filter import OutputFilter
from app.safety.domain.text import Finding

AnswerStatus = Literal["answered", "refused"]
FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]
"""stop: complete; length: cut off at the token limit; content_filter: withheld by a content filter; tool_calls: the
client is to run its tools and to send their results.
"""
RefusalReason = Literal[
    "no_evidence", "off_topic", "no_answer", "declined", "withheld", "evidence_timeout", "not_structured"
]

REFUSAL_TEXTS: Mapping[RefusalReason, str] = {
    "no_evidence": "There is nothing in the documents about this.",
    "off_topic": "The documents do not seem to be about this.",
    "no_answer": "The documents do not answer this.",
    "declined": "The model's provider refused this question.",
    "withheld": "The answer was withheld by the security policy.",
    "evidence_timeout": "There was no time to look into the documents.",
    "not_structured": "No model gave the answer in the format that was asked for.",
}


@dataclass(frozen=True, slots=True)
class RequestWarning:
    """A field of a request that has no effect."""

    name: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "message": self.message}


class AnswerNotFound(NotFound):
    code, title = "answer_not_found", "No such answer"


class ModelNotFound(NotFound):
    code, title, param = "model_not_found", "This service has no such model", "model"
    action = "GET /v1/models lists the models there are."


class QuestionTooLong(Invalid):
    code, title, param = "question_too_long", "The question is too long", "messages"
    action = "Ask something shorter; documents are sent to POST /v1/documents."


class TooManyAnswers(Unavailable):
    code, title = "too_many_answers", "The service is working on as many answers as it can"
    action = "Wait as long as Retry-After says, then ask again."


class StreamEnded(Unavailable):
    code, title = "stream_ended", "The answer broke off and was not stored"
    action = "Ask again."


@dataclass(frozen=True, slots=True)
class Question:
    """sentences: the most that the extractive answerer quotes. passages: the most that are retrieved.
    model: one of the chain, or None for the whole chain. actions: the actions that a model may propose.
    webhook: the address that is notified when a held answer is decided. warnings: fields without effect. options: what
    else a client of the OpenAI API asks for. history: the turns before it, oldest first. conversation: the caller's id
    of the conversation that the answer is kept in; without a history of the question its turns are the history.
    search_text: what is searched for, where that is decided already, as in a replay. previous: the stored answer that
    this question continues; its turns are in the history. read_at: since when the history was read, by the database's
    clock; None where nothing of it was stored here.
    """

    text: str
    sentences: int = 3
    passages: int = 8
    max_tokens: int = 512
    temperature: float | None = 0.0
    model: str | None = None
    actions: tuple[str, ...] = ()
    webhook: str | None = None
    warnings: tuple[RequestWarning, ...] = ()
    options: ClientOptions = NO_OPTIONS
    history: tuple[Turn, ...] = ()
    conversation: str | None = None
    search_text: str | None = None
    previous: UUID | None = None
    read_at: datetime | None = None


NOT_SENT = "The model refuses this field; it was asked without it."


@dataclass(frozen=True, slots=True)
class ScreenedQuestion(Question):
    """A question whose text is normalised and screened. findings: what screening found and the policy allows."""

    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, question: Question, text: str, findings: tuple[Finding, ...]) -> "ScreenedQuestion":
        values = {each.name: getattr(question, each.name) for each in fields(question)}
        return cls(**{**values, "text": text, "findings": findings})

    def warnings_for(self, quoted: bool, left_out: Sequence[str] = ()) -> tuple[RequestWarning, ...]:
        """quoted: no model wrote the answer, so that options for one had no effect. left_out: fields that the model
        refuses, so that they were not sent to it.
        """
        why = {name: NOT_SENT for name in self._asked_of_the_model if name in left_out} if left_out else {}
        if quoted and self.options is not NO_OPTIONS:
            why |= dict.fromkeys(self.options.unused_when_quoting, "No model wrote this answer; it is quoted.")
        if not why:
            return self.warnings
        known = {warning.name for warning in self.warnings}
        return (*self.warnings, *(RequestWarning(name, each) for name, each in why.items() if name not in known))

    @property
    def _asked_of_the_model(self) -> Iterator[str]:
        """The names of the fields that only a model can serve."""
        if self.temperature:
            yield "temperature"
        if self.options.tools or self.actions:
            yield "tools"
        # The service itself ends the text at a stop sequence.
        yield from (name for name in self.options.sampling_given if name != "stop")


@dataclass(frozen=True, slots=True)
class Citation:
    """The passage that supports an answer: `quote` == document text [start:end], offsets in characters. In an answer
    secrets in it are masked, one sign for each character.

    marker: the number that the answer's text cites it by, as in [1].
    """

    marker: int
    chunk_id: UUID
    document_id: UUID
    title: str
    source: str
    uri: str
    headings: tuple[str, ...]
    quote: str
    start: int
    end: int
    version: int


def source_documents(
    answer: "Answer", evidence: Evidence, read_documents: Collection[UUID] | None, history: Iterable[Turn] = ()
) -> frozenset[UUID]:
    """The documents whose text the answer may contain; they restrict who may read it (app.core.access).

    A model has read every passage and every turn before, whatever it cites; an extractive answer contains only its
    citations, and the turns in what was searched for.
    read_documents: the documents that a model with tools had read; None for an answer without tools.
    """
    cited = frozenset(citation.document_id for citation in answer.citations)
    if answer.model != EXTRACTIVE or answer.searched_for:
        cited = cited.union(*(turn.documents for turn in history))
    if read_documents is not None:
        return cited | frozenset(read_documents)
    return cited if answer.model == EXTRACTIVE else cited | evidence.documents


def masked_citations(citations: Iterable[Citation], output: OutputFilter) -> tuple[Citation, ...]:
    """The citations with secrets in their texts masked, character by character, so that the offsets stay valid."""

    def masked(text: str) -> str:
        return output.masked(text, keep_length=True)

    return tuple(
        replace(
            each,
            quote=masked(each.quote),
            title=masked(each.title),
            uri=masked(each.uri),
            headings=tuple(map(masked, each.headings)),
        )
        for each in citations
    )


def cite(marker: int, passage: Passage, start: int, end: int) -> Citation:
    """start, end: offsets into the passage."""
    return Citation(
        marker,
        passage.chunk_id,
        passage.document_id,
        passage.title,
        passage.source,
        passage.uri,
        passage.headings,
        passage.text[start:end],
        passage.start + start,
        passage.start + end,
        passage.version,
    )


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before it is charged and stored.

    quoted: the text is quoted from the evidence instead of written by `model`, whose tokens are charged all the same.
    groundedness: the share of its sentences that the evidence supports. confidence: the model's confidence, where its
    provider reports it.
    """

    model: str
    text: str
    citations: tuple[Citation, ...]
    usage: Usage
    estimated: bool = False
    refusal: RefusalReason | None = None
    findings: tuple[Finding, ...] = ()
    quoted: bool = False
    finish_reason: FinishReason = "stop"
    groundedness: float | None = None
    confidence: float | None = None
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its provenance.

    degraded: some step fell back or was cut short; `reasons` say why. timings_ms: by step, and `total`;
    first_text: until the first text of a stream was sent. groundedness: the share of its sentences that the evidence
    supports; None for a refusal. confidence: the geometric mean of the probabilities of the model's tokens; None where
    no model wrote it, no review rule needs it or its provider does not report it. warnings: fields of the request
    without effect. tool_calls: of the client's own tools. searched_for: the self-contained question that the documents
    were searched by; None where that is the question as it was asked.
    """

    id: UUID
    created_at: datetime
    status: AnswerStatus
    text: str
    model: str
    degraded: bool
    reasons: tuple[str, ...]
    refusal: RefusalReason | None
    release_id: str
    corpus_version: int
    citations: tuple[Citation, ...]
    findings: tuple[Finding, ...]
    usage: Usage
    estimated: bool
    cost_micro_usd: int
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    trace_id: str = ""
    groundedness: float | None = None
    environment: str = PRODUCTION
    actions: tuple[AnswerAction, ...] = ()
    confidence: float | None = None
    finish_reason: FinishReason = "stop"
    warnings: tuple[RequestWarning, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    searched_for: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "created_at": self.created_at,
            "status": self.status,
            "text": self.text,
            "model": self.model,
            "degraded": self.degraded,
            "reasons": self.reasons,
            "refusal": self.refusal,
            "release_id": self.release_id,
            "corpus_version": self.corpus_version,
            "citations": self.citations,
            "findings": [finding.as_dict() for finding in self.findings],
            "usage": {
                "input_tokens": self.usage.input,
                "output_tokens": self.usage.output,
                "cached_input_tokens": self.usage.cached_input,
                "reasoning_tokens": self.usage.reasoning,
                "estimated": self.estimated,
            },
            "cost_micro_usd": self.cost_micro_usd,
            "timings_ms": self.timings_ms,
            "trace_id": self.trace_id,
            "groundedness": self.groundedness,
            "confidence": self.confidence,
            "environment": self.environment,
            "actions": [each.as_dict() for each in self.actions],
            "finish_reason": self.finish_reason,
            "warnings": [each.as_dict() for each in self.warnings],
            "tool_calls": self.tool_calls,
            "searched_for": self.searched_for,
        }
