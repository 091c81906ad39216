"""From evidence to a draft, without any I/O: quoting, and what becomes of what a model wrote."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.costs.domain import Usage
from app.inference.domain.acts import Acts
from app.inference.domain.answers import EXTRACTIVE, SENTENCES, Citation, Draft, FinishReason, Question, Reason, cite
from app.inference.domain.chat import Ending
from app.inference.domain.checked_text import CheckedText
from app.inference.domain.extractive import coverage, pick
from app.inference.domain.failures import Declined, ModelFailure, Nonsense
from app.inference.domain.grounds import Grounds
from app.inference.domain.markers import markers_in
from app.retrieval.domain import Evidence
from app.safety.domain.markup import neutralise

NOTHING = Usage(0)
LATE = "search_timeout"
UNSEARCHED = Evidence((), UUID(int=0), 0, 0, None, 0.0, degraded=LATE)
"""What there is when the time was up before the documents were looked into."""


def why_not(question: str, evidence: Evidence, grounds: Grounds) -> Reason | None:
    """Why this evidence cannot carry an answer; None when it may."""
    if not evidence.passages:
        return "evidence_timeout" if evidence.degraded == LATE else "no_evidence"
    words = evidence.top_bm25 / evidence.possible_bm25 if evidence.possible_bm25 else 0.0
    carries = grounds.enough(words, evidence.top_dense, lambda: coverage(question, evidence.passages))
    return None if carries else "off_topic"


def refuse(reason: Reason, model: str = EXTRACTIVE, usage: Usage = NOTHING, estimated: bool = False) -> Draft:
    finish: FinishReason = "content_filter" if reason == "declined" else "stop"
    return Draft(model, SENTENCES[reason], (), usage, estimated, reason, finish_reason=finish)


def quote(question: Question, evidence: Evidence) -> Draft:
    """The sentences of the evidence that answer best, each with its citation; or a refusal."""
    quotes = pick(question.text, evidence.passages, question.sentences)
    if not quotes:
        return refuse("no_answer")
    cited = [cite(n, evidence.passages[q.passage], q.start, q.end) for n, q in enumerate(quotes, 1)]
    text = " ".join(f"{neutralise(' '.join(c.quote.split()))} [{c.marker}]" for c in cited)
    return Draft(EXTRACTIVE, text, tuple(cited), NOTHING, groundedness=1.0)


def recount(acts: Acts) -> Draft | None:
    """What became of the proposals, in our own words; None where there were none."""
    return Draft(EXTRACTIVE, neutralise(acts.account), (), NOTHING) if acts.account else None


@dataclass(frozen=True)
class Wrote:
    """What a model wrote, with how it ended."""

    model: str
    text: CheckedText
    ending: Ending


@dataclass(frozen=True)
class Failed:
    """Models that were asked and wrote nothing that left, with why, by name."""

    failures: Sequence[tuple[str, ModelFailure]]


@dataclass(frozen=True)
class Outcome:
    """reasons: why the draft is not made as it should have been."""

    draft: Draft
    reasons: tuple[str, ...] = ()


def outcome(made: Wrote | Failed, evidence: Evidence, instead: Callable[[], Draft], acted: bool = False) -> Outcome:
    """The one place that says what becomes of a model's reply, whole or streamed.

    instead: what is said where the model has nothing to say that may leave. acted: something was done for the asker, so
    that having no answer is none.
    """
    if isinstance(made, Failed):
        return _without_text(made.failures, instead)
    text, ending, model = made.text, made.ending, made.model
    if ending.finish == "content_filter":
        return _without_text([(model, Declined())], instead)
    if text.no_answer and not acted:
        return Outcome(refuse("no_answer", model, ending.usage, ending.estimated))
    reasons = tuple(f"{model}: {why}" for why in _shortcomings(text, ending))
    if text.text:
        return Outcome(_said(made, evidence), reasons)
    quoted = replace(instead(), model=model, usage=ending.usage, estimated=ending.estimated, quoted=True)
    return Outcome(replace(quoted, findings=(*text.attacks, *quoted.findings)), reasons)


def _without_text(failures: Sequence[tuple[str, ModelFailure]], instead: Callable[[], Draft]) -> Outcome:
    """A refusal for security is delivered, and not worked around."""
    reasons = tuple(f"{name}: {failure.reason}" for name, failure in failures)
    declined = any(isinstance(failure, Declined) for _, failure in failures)
    return Outcome(refuse("declined", failures[-1][0]) if declined else instead(), reasons)


def _shortcomings(text: CheckedText, ending: Ending) -> Iterator[str]:
    if ending.finish != "stop":
        yield "truncated"
    if text.leaked:
        yield "prompt_leak"
    if text.links_removed:
        yield "link_removed"
    if text.cut_back or text.no_answer:
        yield "answer_unsupported"
    elif not text.text and not text.leaked and not text.links_removed:
        yield Nonsense.reason


def _said(made: Wrote, evidence: Evidence) -> Draft:
    text, ending = made.text, made.ending
    return Draft(
        made.model,
        text.text,
        _cited(text, evidence),
        ending.usage,
        ending.estimated,
        findings=text.findings,
        finish_reason="stop" if ending.finish == "stop" else "length",
        groundedness=text.grounding.share,
        confidence=ending.confidence,
    )


def _cited(text: CheckedText, evidence: Evidence) -> tuple[Citation, ...]:
    passages = evidence.passages
    supports = (support for support in text.grounding.supports if support.passage < len(passages))
    cited = {s.passage: cite(s.passage + 1, passages[s.passage], s.start, s.end) for s in supports}
    # Every marker that the reader sees leads somewhere, if only to the passage as a whole.
    for number in markers_in(text.text):
        if number <= len(passages):
            whole = passages[number - 1]
            cited.setdefault(number - 1, cite(number, whole, 0, len(whole.text)))
    return tuple(cited.values())
