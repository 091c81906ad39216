"""From a question to an answer: screen, retrieve, generate, finish. Each step has a span, a duration and a fallback."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.core.clock import Clock, Deadline
from app.core.errors import OutOfTime
from app.core.ids import new_id
from app.core.slo import BrownoutStep
from app.core.slots import waited_seconds
from app.costs.domain import Feature, LedgerRow, PriceTable, Usage
from app.costs.service import Costs
from app.identity.domain import Principal
from app.inference.domain.answer import (
    Answer,
    ModelNotFound,
    Question,
    QuestionTooLong,
    ScreenedQuestion,
    masked_citations,
)
from app.inference.domain.client_options import NO_OPTIONS
from app.inference.domain.draft import NOT_SEARCHED, DraftOutcome, protected_draft
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.domain.savings import Savings
from app.inference.service.client_requests import check_options, screen_options
from app.inference.service.context import NOTHING_USED, AnswerContext, StepTimer
from app.inference.service.contextualization import Contextualization
from app.inference.service.cost_meter import CostMeter
from app.inference.service.generation import Generation
from app.inference.service.loaded_release import AssignedRelease, LoadedRelease
from app.retrieval.domain import Evidence
from app.retrieval.ports import PassageSearch
from app.safety.domain.personal_data import is_personal_data
from app.safety.domain.policy import QuestionRefused
from app.safety.domain.text import Finding, normalise
from app.safety.service import Screening


@dataclass(frozen=True)
class Pipeline:
    """Question to answer on one release, whoever asks and whether or not the answer is stored."""

    clock: Clock
    retrieval: PassageSearch
    costs: Costs
    generation: Generation
    screening: Screening
    contextualization: Contextualization

    def check(self, loaded: LoadedRelease, question: Question) -> None:
        """Errors: QuestionTooLong, ModelNotFound, WebhookRefused, InstructionsTooLong, ModelRequired."""
        limit = loaded.security.limits.question_characters
        if len(question.text) > limit:
            raise QuestionTooLong(f"A question has at most {limit:,} characters; this one has {len(question.text):,}.")
        if question.model not in (None, *self.models(loaded)):
            raise ModelNotFound(f"There is no model '{question.model[:80] if question.model else ''}'.")
        if question.webhook is not None:
            loaded.security.webhooks.target(question.webhook)
        if question.options is not NO_OPTIONS:
            check_options(loaded, question)

    def models(self, loaded: LoadedRelease) -> tuple[str, ...]:
        """The models a caller may name, in the order of the fallback."""
        return (*(model.name for model in loaded.chain.models), EXTRACTIVE)

    def start(
        self,
        caller: Principal,
        question: Question,
        assigned: AssignedRelease,
        read_at: datetime,
        streamed: bool = False,
        brownout: BrownoutStep | None = None,
    ) -> AnswerContext:
        """Checks and screens the question. The time that the request waited for its turn is part of its deadline.

        read_at: before anything is read for it, by the database's clock.

        Errors: QuestionTooLong, ModelNotFound, QuestionRefused, ActionNotOffered, PermissionMissing.
        """
        loaded = assigned.loaded
        self.check(loaded, question)
        timer, created_at = StepTimer(streamed), self.clock.now()
        deadline = Deadline.after(loaded.deadline_seconds - waited_seconds(), self.clock)
        with timer.step("screen"):
            screened = self._screen(loaded, question)
        savings = Savings.of(brownout, screened, len(loaded.models_for(screened.model)))
        session = self.generation.tool_calling.session(loaded, caller, screened)
        meter = CostMeter(self.costs.reservations, caller.tenant_id, deadline)
        shared = (deadline, assigned, meter, timer, session, savings)
        return AnswerContext(new_id(), created_at, read_at, caller, savings.applied_to(screened), *shared)

    def _screen(self, loaded: LoadedRelease, question: Question) -> ScreenedQuestion:
        normalised = normalise(question.text)
        personal = self._personal_data(loaded, normalised.text)
        findings = (*self.screening.question(normalised), *personal)
        if question.options is not NO_OPTIONS:
            question, more = screen_options(loaded, question)
            findings = (*findings, *more, *self._personal_data(loaded, question.options.instructions))
        refuses = loaded.personal_data.questions == "refuse"
        refused = [
            finding
            for finding in findings
            if loaded.security.question_action(finding) == "refuse" or (refuses and is_personal_data(finding))
        ]
        if refused:
            raise QuestionRefused(f"The question {refused[0].detail}.", findings=[each.as_dict() for each in refused])
        return ScreenedQuestion.of(question, normalised.text, findings)

    def _personal_data(self, loaded: LoadedRelease, text: str) -> tuple[Finding, ...]:
        return () if loaded.personal_data.questions == "keep" else loaded.personal_data.findings(text)

    async def contextualize(self, ctx: AnswerContext) -> AnswerContext:
        """The context with the turns before the question, and with what is searched for in its place.

        Errors: ConversationInvalid, ConversationFull, TooManyConversations.
        """
        return await self.contextualization.contextualize(ctx)

    async def retrieve(self, ctx: AnswerContext, corpus_version: int | None = None) -> Evidence:
        """The evidence that the caller may read; none where the search did not end in time."""
        with ctx.timer.step("evidence"):
            try:
                async with asyncio.timeout(ctx.deadline.remaining()):
                    evidence = await self.retrieval.search(
                        ctx.caller,
                        ctx.search_text,
                        limit=ctx.question.passages,
                        deadline=ctx.deadline,
                        corpus_version=corpus_version,
                        index=ctx.loaded.index,
                        params=ctx.loaded.params,
                    )
            except (TimeoutError, OutOfTime):
                evidence = NOT_SEARCHED
        ctx.meter.on_search(evidence.usage)
        return evidence

    def finish(
        self, ctx: AnswerContext, evidence: Evidence, outcome: DraftOutcome, feature: Feature = "answer"
    ) -> tuple[Answer, list[LedgerRow]]:
        """The answer and its charges, neither of which is stored yet."""
        draft, session = protected_draft(outcome.draft, ctx.loaded.personal_data), ctx.tool_session
        usage = ctx.meter.billable_usage(draft.model, draft.usage, draft.estimated)
        rows = ctx.meter.billed = self._rows(ctx, [(draft.model, usage), *ctx.meter.unbilled], feature)
        search = (f"search: {evidence.degraded}",) if evidence.degraded else ()
        reasons = (*search, *ctx.context_reasons, *ctx.savings.reasons, *outcome.reasons)
        answer = Answer(
            id=ctx.id,
            created_at=ctx.created_at,
            status="refused" if draft.refusal else "answered",
            text=draft.text,
            model=EXTRACTIVE if draft.quoted else draft.model,
            degraded=bool(reasons),
            reasons=reasons,
            refusal=draft.refusal,
            release_id=ctx.release.id,
            corpus_version=evidence.corpus_version,
            citations=masked_citations(draft.citations, ctx.loaded.output_filter),
            findings=(*ctx.question.findings, *(session.findings if session else ()), *draft.findings),
            usage=draft.usage
            + outcome.earlier_usage
            + ctx.context_usage
            + (session.usage if session else NOTHING_USED),
            estimated=draft.estimated,
            cost_micro_usd=sum(row.charge.micro_usd for row in rows),
            timings_ms=ctx.timer.total(),
            trace_id=ctx.trace_id,
            groundedness=draft.groundedness,
            confidence=draft.confidence,
            finish_reason=draft.finish_reason,
            warnings=ctx.question.warnings_for(draft.quoted or draft.model == EXTRACTIVE, outcome.left_out),
            tool_calls=draft.tool_calls,
            environment=ctx.assigned.assignment.environment,
            actions=session.actions if session else (),
            searched_for=ctx.loaded.output_filter.masked(ctx.searched_for) if ctx.searched_for else None,
        )
        return answer, rows

    def abandoned_rows(self, ctx: AnswerContext, feature: Feature = "answer") -> list[LedgerRow]:
        """The charges of a question that got no answer."""
        ctx.meter.on_abandon()
        return ctx.meter.billed if ctx.meter.billed is not None else self._rows(ctx, ctx.meter.unbilled, feature)

    def _rows(self, ctx: AnswerContext, calls: Sequence[tuple[str, Usage]], feature: Feature) -> list[LedgerRow]:
        def row(feature: Feature, model: str, usage: Usage, prices: PriceTable | None) -> LedgerRow:
            return self.costs.row(
                ctx.caller.tenant_id,
                feature,
                model,
                usage,
                subject_id=ctx.id,
                key_id=ctx.caller.key_id,
                release_id=ctx.release.id,
                environment=ctx.assigned.assignment.environment,
                table=prices,
            )

        rows = [row(feature, model, usage, ctx.loaded.prices) for model, usage in calls]
        if embedded := ctx.meter.search_usage:
            rows.append(row("embedding_query", embedded.model, Usage(embedded.tokens), None))
        return rows
