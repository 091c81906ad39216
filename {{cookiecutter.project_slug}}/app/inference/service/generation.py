"""From evidence to a draft: by a model, with tools or without, or by the extractive fallback."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from app.core.clock import Deadline
from app.core.ids import new_mark
from app.costs.domain import CostPolicy, Usage
from app.inference.domain.answer import Draft, StreamEnded
from app.inference.domain.answer_format import AnswerFormat
from app.inference.domain.client_options import NO_OPTIONS
from app.inference.domain.draft import (
    NO_USAGE,
    DraftOutcome,
    ModelReply,
    ModelsFailed,
    client_call_draft,
    draft_outcome,
    extractive_draft,
    refusal_draft,
    refusal_reason,
    tool_summary_draft,
)
from app.inference.domain.grounding.checked_text import CheckedText
from app.inference.domain.grounding.extractive import question_language
from app.inference.domain.prompt import build_request, system_message, with_options
from app.inference.domain.release_names import PROMPT, TOOL_PROMPT
from app.inference.domain.stop_sequences import StopSequences
from app.inference.domain.tool_calls import ToolResult
from app.inference.service.client_requests import read_exchange
from app.inference.service.context import AnswerContext
from app.inference.service.cost_meter import affordable_models
from app.inference.service.structured_answers import object_checks, repaired
from app.inference.service.tool_calling import ToolCalling
from app.llm.domain.errors import ContentFiltered, ModelFailure
from app.llm.domain.messages import ChatRequest, CompletionEnd, estimate_usage
from app.llm.service import AllModelsFailed, FallbackChain, FallbackResult, StreamStarted
from app.retrieval.domain import Evidence
from app.safety.domain.output_filter import with_canary

log = structlog.get_logger(__name__)

FALLBACK_SHARE = 0.1
"""The share of the deadline that is kept for the extractive fallback."""

Failures = tuple[tuple[str, ModelFailure], ...]


@dataclass(frozen=True, slots=True)
class CheckedPiece:
    """Text of a model that has been checked and may be sent."""

    model: str
    text: str


@dataclass(frozen=True)
class PreparedCall:
    """A request and the models that may answer it. evidence: what the answer may cite. fallback: the draft where no
    model writes one. reasons: why the answer is degraded already.
    """

    request: ChatRequest
    chain: FallbackChain
    evidence: Evidence
    prompt: str
    fallback: Callable[[], Draft]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Generation:
    """Evidence to draft, by the models of the release in the order of the fallback."""

    tool_calling: ToolCalling

    async def generate(self, ctx: AnswerContext, evidence: Evidence) -> DraftOutcome:
        """The draft of an answer, by a model or by the fallback. Errors: BudgetUsedUp."""
        prepared = await self._prepare(ctx, evidence)
        if isinstance(prepared, DraftOutcome):
            return prepared
        try:
            with ctx.timer.step("model"):
                result, earlier = await self._complete(ctx, prepared)
        except AllModelsFailed as failed:
            if ctx.tool_session and failed.content_filtered:
                ctx.tool_session.drop()
            return self._outcome(ctx, prepared, ModelsFailed(failed.failures))
        if ctx.tool_session and (calls := ctx.tool_session.client_calls):
            called = client_call_draft(calls, result.model, result.completion.end)
            outcome = DraftOutcome(called, left_out=result.completion.end.left_out)
            return self._with_reasons(ctx, prepared, outcome)
        if (form := ctx.question.options.format) is not None:
            return replace(self._structured(ctx, prepared, form, result), earlier_usage=earlier)
        with ctx.timer.step("check"):
            text, stop = self._checked_text(ctx, prepared), _stop_sequences(ctx)
            text.feed(stop.feed(result.completion.text) + stop.end() if stop else result.completion.text)
            text.end()
        reply = ModelReply(result.model, text, _stopped(stop, result.completion.end))
        return self._outcome(ctx, prepared, reply, () if ctx.tool_session else result.failures)

    async def stream(self, ctx: AnswerContext, evidence: Evidence) -> AsyncGenerator[CheckedPiece | DraftOutcome, None]:
        """Sentences of a model as each is checked, then the outcome; only the outcome where no model wrote any.

        Errors: StreamEnded, when the model broke off after some text was sent; BudgetUsedUp.
        """
        prepared = await self._prepare(ctx, evidence)
        if isinstance(prepared, DraftOutcome):
            yield prepared
            return
        model, text = "", self._checked_text(ctx, prepared)
        stop: StopSequences | None = None
        failures: Failures = ()
        reply: ModelReply | ModelsFailed = ModelsFailed([])
        try:
            items = prepared.chain.stream(
                prepared.request, self._model_deadline(ctx), ctx.meter, seen=lambda: bool(text.text)
            )
            async with aclosing(ctx.timer.stream_step("model", items)) as stream:
                async for item in stream:
                    if isinstance(item, StreamStarted):
                        model, failures = item.model, item.failures
                        text, stop = self._checked_text(ctx, prepared), _stop_sequences(ctx)
                    elif isinstance(item, str):
                        if piece := text.feed(stop.feed(item) if stop else item):
                            yield CheckedPiece(model, piece)
                    else:
                        end = _stopped(stop, item)
                        held = text.feed(stop.end()) if stop else ""
                        if piece := held + _last_piece(ctx, text, end):
                            yield CheckedPiece(model, piece)
                        reply = _completed(ctx, model, text, end)
        except AllModelsFailed as failed:
            reply, failures = ModelsFailed(failed.failures), ()
        except ModelFailure as failure:
            reply = self._broken_off(ctx, prepared.request, model, text, failure)
        except (asyncio.CancelledError, GeneratorExit):
            _charge_broken_off(ctx, prepared.request, model, text)
            raise
        yield self._outcome(ctx, prepared, reply, failures)

    async def _prepare(self, ctx: AnswerContext, evidence: Evidence) -> PreparedCall | DraftOutcome:
        """The request, and the models that the budget allows; or the outcome without a call. Errors: BudgetUsedUp."""
        session = ctx.tool_session
        refusal = refusal_reason(ctx.search_text, evidence, ctx.loaded.answerability)
        if refusal and session is None:
            return DraftOutcome(refusal_draft(refusal))
        if refusal:
            evidence = replace(evidence, passages=())

        def fallback() -> Draft:
            if ctx.question.options.format is not None:
                return refusal_draft(refusal or "not_structured")
            summary = tool_summary_draft(session, ctx.loaded.output_filter) if session else None
            return summary or (refusal_draft(refusal) if refusal else self.extract(ctx, evidence))

        if session:
            session.tainted |= bool(evidence.passages)
            session.documents |= evidence.documents
            session.passages += tuple(f"{each.title} {each.text}" for each in evidence.passages)
        chain, prompt, reason = ctx.models(), TOOL_PROMPT if session else PROMPT, None
        request = self._request(ctx, evidence, prompt)
        if chain.models:
            with ctx.timer.step("hold"):
                policy, prices = ctx.loaded.policies.get(CostPolicy), ctx.loaded.prices
                chain, reason = await affordable_models(ctx.meter, request, chain, prices, policy)
        reasons = (reason,) if reason else ()
        if not chain.models:
            without = ("actions: no model to propose them",) if session else ()
            return DraftOutcome(fallback(), (*reasons, *without))
        return PreparedCall(request, chain, evidence, prompt, fallback, reasons)

    async def _complete(self, ctx: AnswerContext, prepared: PreparedCall) -> tuple[FallbackResult, Usage]:
        """The last completion, and the usage of one that it repairs."""
        request, chain, deadline = prepared.request, prepared.chain, self._model_deadline(ctx)
        if ctx.tool_session is None:
            result = await chain.complete(request, deadline, ctx.meter)
        else:
            result = await self.tool_calling.run_tool_loop(ctx, ctx.tool_session, request, chain, deadline)
        form = ctx.question.options.format
        if form is None or (ctx.tool_session and ctx.tool_session.client_calls):
            return result, NO_USAGE
        return await repaired(ctx, form, result, request, chain, deadline)

    def _outcome(
        self,
        ctx: AnswerContext,
        prepared: PreparedCall,
        reply: ModelReply | ModelsFailed,
        failures: Failures = (),
    ) -> DraftOutcome:
        session = ctx.tool_session
        acted = bool(session and (session.results or session.client_results))
        outcome = draft_outcome(reply, prepared.evidence, prepared.fallback, acted=acted)
        if isinstance(reply, ModelReply):
            outcome = replace(outcome, left_out=reply.end.left_out)
        return self._with_reasons(ctx, prepared, outcome, failures, isinstance(reply, ModelsFailed))

    def _with_reasons(
        self,
        ctx: AnswerContext,
        prepared: PreparedCall,
        outcome: DraftOutcome,
        failures: Failures = (),
        failed: bool = False,
    ) -> DraftOutcome:
        session = ctx.tool_session
        before = (*prepared.reasons, *(session.reasons if session else ()), *_reasons(failures))
        if failed:
            before = (*before, *ctx.savings.reasons_of_failure)
        return replace(outcome, reasons=(*before, *outcome.reasons))

    def _structured(
        self, ctx: AnswerContext, prepared: PreparedCall, form: AnswerFormat, result: FallbackResult
    ) -> DraftOutcome:
        with ctx.timer.step("check"):
            checks = object_checks(ctx, form, prepared.evidence, prepared.prompt, _results(ctx))
            outcome = checks.outcome(result.model, result.completion)
        outcome = replace(outcome, left_out=result.completion.end.left_out)
        return self._with_reasons(ctx, prepared, outcome, () if ctx.tool_session else result.failures)

    def _checked_text(self, ctx: AnswerContext, prepared: PreparedCall) -> CheckedText:
        results = _results(ctx)
        prompt = ctx.release.prompt(prepared.prompt).text
        passages, output = prepared.evidence.passages, ctx.loaded.output_filter
        language = question_language(ctx.search_text, passages)
        return CheckedText(passages, ctx.loaded.risk_tier, prompt, results, output, ctx.canary, language)

    def _broken_off(
        self, ctx: AnswerContext, request: ChatRequest, model: str, text: CheckedText, failure: ModelFailure
    ) -> ModelsFailed:
        """Errors: StreamEnded, where some text was sent, which no fallback can replace."""
        _charge_broken_off(ctx, request, model, text, failure.usage)
        log.warning("inference.stream_ended", model=model, reason=failure.reason)
        if text.text and not isinstance(failure, ContentFiltered):
            raise StreamEnded(f"The model's reply broke off ({failure.reason}).", retry_after=1) from failure
        return ModelsFailed([(model, failure)])

    def _request(self, ctx: AnswerContext, evidence: Evidence, prompt: str) -> ChatRequest:
        question, options, mark = ctx.question, ctx.question.options, new_mark()
        instructions = with_canary(ctx.release.prompt(prompt).text, ctx.canary)
        request = build_request(
            instructions if options is NO_OPTIONS else system_message(instructions, options, mark),
            question.text,
            evidence.passages,
            question.max_tokens,
            question.temperature,
            ctx.tool_session.tools if ctx.tool_session else (),
            mark=mark,
            turns=question.history,
            searched_for=ctx.searched_for,
        )
        if options is not NO_OPTIONS:
            request = with_options(request, options)
        if options.exchange and ctx.tool_session:
            request = request.then(*read_exchange(ctx.loaded.security, ctx.tool_session, options.exchange))
        return replace(request, logprobs=ctx.loaded.review.asks_confidence)

    def _model_deadline(self, ctx: AnswerContext) -> Deadline:
        reserved = ctx.loaded.deadline_seconds * FALLBACK_SHARE
        return ctx.deadline.within(max(0.0, ctx.deadline.remaining() - reserved))

    def extract(self, ctx: AnswerContext, evidence: Evidence) -> Draft:
        """The extractive fallback."""
        with ctx.timer.step("extract"):
            return extractive_draft(ctx.search_text, ctx.question.sentences, evidence, ctx.loaded.output_filter)


def _last_piece(ctx: AnswerContext, text: CheckedText, end: CompletionEnd) -> str:
    """The last text to send; nothing when a content filter ended the stream."""
    if end.finish == "content_filter":
        return ""
    with ctx.timer.step("check"):
        return text.end()


def _completed(ctx: AnswerContext, model: str, text: CheckedText, end: CompletionEnd) -> ModelReply:
    if end.finish == "content_filter":
        # The refusal replaces the model's text, whose tokens are charged all the same.
        ctx.meter.charge_beside_answer(model, end.usage, end.estimated)
    return ModelReply(model, text, end)


def _charge_broken_off(
    ctx: AnswerContext, request: ChatRequest, model: str, text: CheckedText, reported: Usage | None = None
) -> None:
    """Charges the tokens of a stream that broke off, even if the caller has disconnected. A failed one that nobody has
    seen is charged already.
    """
    if model and ctx.meter.active_model == model:
        usage = ctx.meter.billable_usage(model, reported or estimate_usage(request, text.written), reported is None)
        ctx.meter.unbilled.append((model, usage))


def _results(ctx: AnswerContext) -> Sequence[ToolResult]:
    """The results of tools that can support the answer."""
    session = ctx.tool_session
    return (*session.results, *session.client_results) if session else ()


def _stop_sequences(ctx: AnswerContext) -> StopSequences | None:
    sequences = ctx.question.options.sampling.stop
    return StopSequences(sequences) if sequences else None


def _stopped(stop: StopSequences | None, end: CompletionEnd) -> CompletionEnd:
    return replace(end, finish="stop") if stop and stop.stopped and end.finish != "content_filter" else end


def _reasons(failures: Failures) -> tuple[str, ...]:
    return tuple(f"{name}: {failure.reason}" for name, failure in failures)
