"""From evidence to a draft, without any I/O: the refusal, the extractive fallback, and the outcome of a completion."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.costs.domain import Usage
from app.inference.domain.answer import (
    REFUSAL_TEXTS,
    Citation,
    Draft,
    FinishReason,
    RefusalReason,
    cite,
)
from app.inference.domain.grounding.answerability import Answerability
from app.inference.domain.grounding.checked_text import OUTPUT_FILTER, CheckedText
from app.inference.domain.grounding.citations import cited_numbers
from app.inference.domain.grounding.extractive import best_sentences, coverage
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.domain.tool_calls import ToolSession
from app.llm.domain.errors import ContentFiltered, InvalidResponse, ModelFailure
from app.llm.domain.messages import CompletionEnd, ToolCall
from app.retrieval.domain import Evidence
from app.safety.domain.output_filter import OutputFilter
from app.safety.domain.personal_data import PersonalDataProtection
from app.safety.domain.text import Finding

NO_USAGE = Usage(0)
SEARCH_TIMEOUT = "search_timeout"
NOT_SEARCHED = Evidence((), UUID(int=0), 0, 0, None, 0.0, degraded=SEARCH_TIMEOUT)
"""The evidence when the search did not end in time."""


def refusal_reason(question: str, evidence: Evidence, answerability: Answerability) -> RefusalReason | None:
    """Why this evidence does not support an answer; None when it may."""
    if not evidence.passages:
        return "evidence_timeout" if evidence.degraded == SEARCH_TIMEOUT else "no_evidence"
    words = evidence.top_bm25 / evidence.possible_bm25 if evidence.possible_bm25 else 0.0
    answerable = answerability.enough(words, evidence.top_dense, lambda: coverage(question, evidence.passages))
    return None if answerable else "off_topic"


def refusal_draft(
    reason: RefusalReason, model: str = EXTRACTIVE, usage: Usage = NO_USAGE, estimated: bool = False
) -> Draft:
    finish: FinishReason = "content_filter" if reason in ("declined", "withheld") else "stop"
    return Draft(model, REFUSAL_TEXTS[reason], (), usage, estimated, reason, finish_reason=finish)


def extractive_draft(text: str, max_sentences: int, evidence: Evidence, output: OutputFilter = OUTPUT_FILTER) -> Draft:
    """The best-ranked sentences of the evidence, each with its citation; or a refusal."""
    quotes = best_sentences(text, evidence.passages, max_sentences)
    if not quotes:
        return refusal_draft("no_answer")
    cited = [cite(n, evidence.passages[q.passage], q.start, q.end) for n, q in enumerate(quotes, 1)]
    answer = " ".join(f"{output.quoted(' '.join(c.quote.split()))} [{c.marker}]" for c in cited)
    masked = output.mask_findings("\n\n".join(c.quote for c in cited))
    return Draft(EXTRACTIVE, answer, tuple(cited), NO_USAGE, groundedness=1.0, findings=masked)


def tool_summary_draft(session: ToolSession, output: OutputFilter = OUTPUT_FILTER) -> Draft | None:
    """The results of the tool calls as text; None without tool calls."""
    if not (summary := session.summary):
        return None
    return Draft(EXTRACTIVE, output.quoted(summary), (), NO_USAGE, findings=output.mask_findings(summary))


def client_call_draft(calls: tuple[ToolCall, ...], model: str, end: CompletionEnd) -> Draft:
    """The model calls tools of the client; what it writes beside the calls is left out."""
    return Draft(model, "", (), end.usage, end.estimated, finish_reason="tool_calls", tool_calls=calls)


def protected_draft(draft: Draft, protection: PersonalDataProtection) -> Draft:
    """The draft as the privacy policy wants answers. Its text was masked before, and its quotes are here."""
    if protection.answers == "flag":
        return replace(draft, findings=(*draft.findings, *_personal_data(draft, protection)))
    if protection.answers == "keep":
        return draft
    mask = protection.mask
    citations = tuple(replace(each, title=mask(each.title), quote=mask(each.quote)) for each in draft.citations)
    return replace(draft, citations=citations)


def _personal_data(draft: Draft, protection: PersonalDataProtection) -> tuple[Finding, ...]:
    """What is found in the text, and in its quotes: spaces in a quoted text keep a mail address from being one."""
    found = {each.rule: each for each in protection.findings(draft.text)}
    quotes = "\n\n".join(text for each in draft.citations for text in (each.title, each.quote))
    for each in protection.findings(quotes):
        found.setdefault(each.rule, replace(each, start=None))
    return tuple(found.values())


@dataclass(frozen=True)
class ModelReply:
    """The checked text of a model, and how its completion ended."""

    model: str
    text: CheckedText
    end: CompletionEnd


@dataclass(frozen=True)
class ModelsFailed:
    """The failures of the models, by name, where no model's text was sent."""

    failures: Sequence[tuple[str, ModelFailure]]


@dataclass(frozen=True)
class DraftOutcome:
    """reasons: why the answer is degraded. earlier_usage: of a call whose reply had to be repaired. left_out: fields
    that were not sent to the model, because it refuses them.
    """

    draft: Draft
    reasons: tuple[str, ...] = ()
    earlier_usage: Usage = NO_USAGE
    left_out: tuple[str, ...] = ()


def draft_outcome(
    reply: ModelReply | ModelsFailed, evidence: Evidence, fallback: Callable[[], Draft], acted: bool = False
) -> DraftOutcome:
    """Turns a completion, whole or streamed, into a draft.

    fallback: gives the draft where the model wrote nothing that may be sent. acted: an action was proposed, so that an
    answer without text is not a refusal.
    """
    if isinstance(reply, ModelsFailed):
        return _without_text(reply.failures, fallback)
    text, end, model = reply.text, reply.end, reply.model
    if end.finish == "content_filter":
        return _without_text([(model, ContentFiltered())], fallback)
    if text.refused:
        refused = refusal_draft("withheld", model, end.usage, end.estimated)
        return DraftOutcome(replace(refused, findings=text.findings))
    if text.no_answer and not acted:
        return DraftOutcome(refusal_draft("no_answer", model, end.usage, end.estimated))
    reasons = tuple(f"{model}: {reason}" for reason in _degradations(text, end))
    if text.text:
        return DraftOutcome(_model_draft(reply, evidence), reasons)
    quoted = replace(fallback(), model=model, usage=end.usage, estimated=end.estimated, quoted=True)
    return DraftOutcome(replace(quoted, findings=(*text.attacks, *quoted.findings)), reasons)


def _without_text(failures: Sequence[tuple[str, ModelFailure]], fallback: Callable[[], Draft]) -> DraftOutcome:
    """A refusal where a provider's content filter refused, since quoting would work around it; else the fallback."""
    reasons = tuple(f"{name}: {failure.reason}" for name, failure in failures)
    filtered = any(isinstance(failure, ContentFiltered) for _, failure in failures)
    return DraftOutcome(refusal_draft("declined", failures[-1][0]) if filtered else fallback(), reasons)


def _degradations(text: CheckedText, end: CompletionEnd) -> Iterator[str]:
    if end.finish != "stop":
        yield "truncated"
    yield from text.removals
    if text.unsupported_withheld or text.no_answer:
        yield "answer_unsupported"
    elif not text.text and not text.removals:
        yield InvalidResponse.reason


def _model_draft(reply: ModelReply, evidence: Evidence) -> Draft:
    text, end = reply.text, reply.end
    return Draft(
        reply.model,
        text.text,
        _citations(text, evidence),
        end.usage,
        end.estimated,
        findings=text.findings,
        finish_reason="stop" if end.finish == "stop" else "length",
        groundedness=text.grounding.share,
        confidence=end.confidence,
    )


def _citations(text: CheckedText, evidence: Evidence) -> tuple[Citation, ...]:
    passages = evidence.passages
    supports = (support for support in text.grounding.supports if support.passage < len(passages))
    cited = {s.passage: cite(s.passage + 1, passages[s.passage], s.start, s.end) for s in supports}
    # Every marker in the text has a citation, if only of the whole passage.
    for number in cited_numbers(text.text):
        if number <= len(passages):
            passage = passages[number - 1]
            cited.setdefault(number - 1, cite(number, passage, 0, len(passage.text)))
    return tuple(cited.values())
