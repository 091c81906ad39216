"""Makes a question of a conversation self-contained before the documents are searched for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from app.core.clock import Deadline
from app.core.ids import new_mark
from app.costs.domain import CostPolicy, Usage
from app.costs.domain.budgets import BudgetUsedUp
from app.inference.domain.answer import RequestWarning, ScreenedQuestion
from app.inference.domain.conversations import Turn, bounded
from app.inference.domain.conversations.follow_up import needs_context, with_subject
from app.inference.domain.conversations.rewriting import accepted_rewrite, rewrite_request
from app.inference.domain.release_names import REWRITE_PROMPT
from app.inference.service.context import NOTHING_USED, AnswerContext
from app.inference.service.conversation_access import Conversations
from app.inference.service.cost_meter import affordable_models
from app.inference.service.loaded_release import LoadedRelease
from app.llm.domain.messages import ChatRequest
from app.llm.service import AllModelsFailed, FallbackChain, FallbackResult
from app.safety.domain.output_filter import with_canary
from app.safety.domain.personal_data import is_personal_data
from app.safety.domain.text import Finding, normalise
from app.safety.service import Screening

log = structlog.get_logger(__name__)

DEADLINE_SHARE = 0.25
"""Of the time that is left, for the model that rewrites the question."""
BY_RULE = "contextualize: "
"""Begins the reason of an answer whose question was made self-contained by rule although a model was to do it."""


@dataclass(frozen=True)
class Contextualization:
    """The turns before a question, screened and bounded, and the question in words that stand alone.

    Only a question that leans on them is changed: by the first model of the chain that answers in time, or by rule.
    """

    conversations: Conversations
    screening: Screening

    async def contextualize(self, ctx: AnswerContext) -> AnswerContext:
        """The context with the turns that count and with what is searched for; the same for a question without any.

        Errors: ConversationInvalid, ConversationFull, TooManyConversations.
        """
        question = ctx.question
        if not question.history and question.conversation is None and question.search_text is None:
            return ctx
        with ctx.timer.step("contextualize"):
            ctx = await self._with_turns(ctx)
            question = ctx.question
            if question.search_text is not None:
                return replace(ctx, searched_for=_unless_same(question.search_text, question.text))
            if not needs_context(question.text, question.history):
                return ctx
            return await self._self_contained(ctx)

    async def _with_turns(self, ctx: AnswerContext) -> AnswerContext:
        question, limits = ctx.question, ctx.loaded.security.limits
        turns = question.history
        if question.conversation is not None:
            kept = await self.conversations.history(ctx.caller, question.conversation, limits)
            turns = turns or kept
        last = bounded(turns, limits.history_turns, limits.history_characters)
        screened, findings = self._screened(ctx.loaded, last)
        warnings = question.warnings
        if len(screened) < len(turns):
            warnings = (*warnings, _cut_warning(len(screened), len(turns)))
        if ctx.tool_session and screened:
            ctx.tool_session.read_turns(screened, suspicious=bool(findings))
        return replace(ctx, question=_with_history(question, screened, findings, warnings))

    def _screened(self, loaded: LoadedRelease, turns: Sequence[Turn]) -> tuple[tuple[Turn, ...], tuple[Finding, ...]]:
        """The turns without those that the policy would refuse as questions, and the answers that it would quarantine
        as documents; and what was found in the others."""
        kept: list[Turn] = []
        findings: list[Finding] = []
        for turn in turns:
            asked, answered = normalise(turn.question), normalise(turn.answer)
            of_question = [*self.screening.question(asked), *self._personal_data(loaded, asked.text)]
            if any(_refuses(loaded, each) for each in of_question):
                continue
            of_answer = self.screening.document(answered.text)
            withheld = any(loaded.security.document_action(each) == "quarantine" for each in of_answer)
            found = [each for each in (*of_question, *of_answer) if not is_personal_data(each)]
            findings += map(_of_history, found)
            kept.append(replace(turn, question=asked.text, answer="" if withheld else answered.text))
        return tuple(kept), tuple(findings)

    def _personal_data(self, loaded: LoadedRelease, text: str) -> tuple[Finding, ...]:
        return () if loaded.personal_data.questions == "keep" else loaded.personal_data.findings(text)

    async def _self_contained(self, ctx: AnswerContext) -> AnswerContext:
        text, usage, reasons = await self._by_model(ctx)
        findings: tuple[Finding, ...] = ()
        if text is not None:
            text, findings = self._checked(ctx, text)
            reasons = reasons if text is not None else (f"{BY_RULE}rewrite_unusable",)
        if text is None:
            text = with_subject(ctx.question.text, ctx.question.history)
        if ctx.tool_session and any(not is_personal_data(each) for each in findings):
            ctx.tool_session.tainted = True
        question = replace(ctx.question, findings=(*ctx.question.findings, *findings))
        found = _unless_same(text, question.text)
        log.info("inference.question_rewritten", answer=str(ctx.id), changed=found is not None, degraded=bool(reasons))
        return replace(ctx, question=question, searched_for=found, context_usage=usage, context_reasons=reasons)

    async def _by_model(self, ctx: AnswerContext) -> tuple[str | None, Usage, tuple[str, ...]]:
        """What a model wrote, and its tokens; None where none was asked or none answered, and why not."""
        chain = ctx.models()
        if not chain.models or REWRITE_PROMPT not in ctx.release.prompts:
            return None, NOTHING_USED, ()
        prompt = with_canary(ctx.release.prompt(REWRITE_PROMPT).text, ctx.canary)
        request = rewrite_request(prompt, ctx.question.text, ctx.question.history, new_mark())
        try:
            result = await self._complete(ctx, request, chain)
        except BudgetUsedUp:
            result = None
        except AllModelsFailed as failed:
            why = failed.failures[-1][1].reason if failed.failures else "model_error"
            return None, NOTHING_USED, (f"{BY_RULE}{why}",)
        if result is None:
            return None, NOTHING_USED, (f"{BY_RULE}budget_used_up",)
        end = result.completion.end
        ctx.meter.charge_beside_answer(result.model, end.usage, end.estimated)
        return result.completion.text, end.usage, ()

    async def _complete(self, ctx: AnswerContext, request: ChatRequest, chain: FallbackChain) -> FallbackResult | None:
        """None where the budget allows no model. Errors: BudgetUsedUp, AllModelsFailed."""
        policy, prices = ctx.loaded.policies.get(CostPolicy), ctx.loaded.prices
        chain, _ = await affordable_models(ctx.meter, request, chain, prices, policy)
        deadline: Deadline = ctx.deadline.within(ctx.deadline.remaining() * DEADLINE_SHARE)
        if not chain.models:
            return None
        return await chain.complete(request, deadline, ctx.meter)

    def _checked(self, ctx: AnswerContext, reply: str) -> tuple[str | None, tuple[Finding, ...]]:
        """A rewritten question that may be searched for, with what screening found in it."""
        question, loaded = ctx.question, ctx.loaded
        text = accepted_rewrite(reply, question.text, question.history)
        if text is None:
            return None, ()
        clean = normalise(text)
        findings = (*self.screening.question(clean), *self._personal_data(loaded, clean.text))
        known = (question.text, *(f"{turn.question}\n{turn.answer}" for turn in question.history))
        leaks = loaded.output_filter.objection(clean.text, ctx.release.prompt(REWRITE_PROMPT).text, known)
        if leaks or any(_refuses(loaded, each) for each in findings):
            return None, ()
        return clean.text, findings


def _refuses(loaded: LoadedRelease, finding: Finding) -> bool:
    refuses_personal_data = loaded.personal_data.questions == "refuse" and is_personal_data(finding)
    return refuses_personal_data or loaded.security.question_action(finding) == "refuse"


def _of_history(finding: Finding) -> Finding:
    return replace(finding, detail=f"{finding.detail} (earlier in the conversation)", start=None, end=None)


def _with_history(
    question: ScreenedQuestion,
    turns: tuple[Turn, ...],
    findings: tuple[Finding, ...],
    warnings: tuple[RequestWarning, ...],
) -> ScreenedQuestion:
    return replace(question, history=turns, findings=(*question.findings, *findings), warnings=warnings)


def _cut_warning(read: int, sent: int) -> RequestWarning:
    message = f"{read} of {sent} earlier turns were read; limits or screening left out the others."
    return RequestWarning("history", message)


def _unless_same(text: str, question: str) -> str | None:
    return None if text.strip() == question.strip() else text
