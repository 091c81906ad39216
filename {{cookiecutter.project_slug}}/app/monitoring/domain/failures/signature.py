"""The signature of a failure: what went wrong, at which step, by which rule. Deterministic, and without any text."""

from dataclasses import dataclass
from typing import Literal

from app.core.languages.identification import UNKNOWN, language_of
from app.inference.domain.answer_record import AnswerRecord, FailedRequest

Responsible = Literal["documents", "wording", "model", "provider", "capacity"]
"""What a pattern goes to: a missing document, the wording of prompts and documents, a model, its provider, or money and
machines."""

ANY_QUESTION: frozenset[Responsible] = frozenset({"provider", "capacity"})
"""An outage concerns whoever asks meanwhile: its failures are one pattern, whatever was asked, in whatever language."""

UNHELPFUL, REJECTED = "unhelpful", "rejected"
_REASONS: dict[str, tuple[str, Responsible]] = {
    "no_evidence": ("retrieval", "documents"),
    "off_topic": ("answerability", "documents"),
    "no_answer": ("generation", "wording"),
    "declined": ("generation", "model"),
    "withheld": ("output_filter", "model"),
    "not_structured": ("generation", "model"),
    "evidence_timeout": ("retrieval", "capacity"),
    "search_timeout": ("retrieval", "capacity"),
    "out_of_time": ("retrieval", "capacity"),
    "embedding_failed": ("retrieval", "provider"),
    "overloaded": ("admission", "capacity"),
    "budget_used_up": ("generation", "capacity"),
    "model_invalid_response": ("generation", "model"),
    "rewrite_unusable": ("contextualization", "model"),
    "model_unacceptable": ("generation", "model"),
    "model_declined": ("generation", "model"),
    "truncated": ("generation", "model"),
    "answer_unsupported": ("grounding", "model"),
    "prompt_leak": ("output_filter", "model"),
    "link_removed": ("output_filter", "model"),
    "secret_masked": ("output_filter", "model"),
    UNHELPFUL: ("feedback", "wording"),
    REJECTED: ("review", "wording"),
}


@dataclass(frozen=True, slots=True, order=True)
class FailureSignature:
    """reason: a problem code, the reason of a refusal or of a degradation, `unhelpful` or `rejected`. rule: of the
    review or of a finding, empty without one. language: of the question, `und` where it is not recognised or
    does not matter.
    """

    reason: str
    rule: str
    step: str
    degraded: bool
    language: str

    @property
    def responsible(self) -> Responsible:
        return place_of(self.reason)[1]


def signature_of(record: AnswerRecord) -> FailureSignature:
    """Of a failed answer. A refusal explains more than a degradation, and that more than what a person said of it."""
    reason = record.refusal or _degradation(record) or (REJECTED if record.outcome == "rejected" else UNHELPFUL)
    rule = record.rule if record.outcome == "rejected" else next(iter(record.findings), "")
    step, responsible = place_of(reason)
    language = UNKNOWN if responsible in ANY_QUESTION else language_of(record.question)
    return FailureSignature(reason, rule, step, record.degraded, language)


def signature_of_problem(failure: FailedRequest) -> FailureSignature:
    """Of a request without an answer, whose question is not stored."""
    return FailureSignature(failure.code, "", place_of(failure.code, "request")[0], False, UNKNOWN)


def place_of(reason: str, otherwise: str = "generation") -> tuple[str, Responsible]:
    """The step that the reason comes from, and what it goes to. otherwise: the step of an unknown reason."""
    if reason in _REASONS:
        return _REASONS[reason]
    return otherwise, "provider" if reason.startswith(("model_", "stream_")) else "capacity"


def _degradation(record: AnswerRecord) -> str:
    """The code of the first reason: `search: code`, `overloaded: what` or `model: code`."""
    if not (record.degraded and record.reasons):
        return ""
    before, _, after = record.reasons[0].partition(": ")
    return before if before == "overloaded" or not after else after
