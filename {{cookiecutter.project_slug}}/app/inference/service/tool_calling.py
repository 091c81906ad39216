"""Answers with tool calls. Actions that only read run at once; other proposals are stored in the transaction of the
answer, and then run or wait for a person.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol
from uuid import UUID

from app.actions.domain import ActionProposal, ArgumentSources, NewAction, ProposalRefused, ReviewTerms
from app.actions.service import Actions
from app.core.clock import Deadline
from app.core.genai import execute_tool
from app.core.telemetry import annotate
from app.identity.domain import Principal
from app.inference.domain.answer import ScreenedQuestion
from app.inference.domain.client_tools import check_calls
from app.inference.domain.human_review import ProposedAction, Rule, rule_for_action
from app.inference.domain.release_names import TOOL_PROMPT
from app.inference.domain.tool_calls import ToolResult, ToolSession
from app.inference.service.context import AnswerContext
from app.inference.service.loaded_release import LoadedRelease
from app.inference.service.result_screening import WITHHELD, screened_result
from app.llm.domain.messages import ChatRequest, Message, ToolCall
from app.llm.service import FallbackChain, FallbackResult
from app.releases.domain import Release
from app.safety.domain.personal_data import is_personal_data
from app.safety.domain.text import Finding

NO_QUESTION = "(A client proposed this over MCP; no question was asked here.)"


class ProposalContext(Protocol):
    """On whose behalf, under which release and by which question an action is proposed."""

    @property
    def id(self) -> UUID: ...
    @property
    def caller(self) -> Principal: ...
    @property
    def question(self) -> ScreenedQuestion: ...
    @property
    def question_text(self) -> str: ...
    @property
    def loaded(self) -> LoadedRelease: ...
    @property
    def release(self) -> Release: ...


@dataclass(frozen=True)
class ToolCalling:
    """The actions that a model may propose to the caller, under the policies of the release."""

    actions: Actions

    def session(self, loaded: LoadedRelease, caller: Principal, question: ScreenedQuestion) -> ToolSession | None:
        """The tools that the question names, and those of the client; None where there are none.

        Errors: ActionNotOffered, PermissionMissing.
        """
        options = question.options
        if not question.actions and not options.tools and not options.exchange:
            return None
        offers = self.actions.catalogue.select(loaded.actions, caller, question.actions)
        tainted = any(not is_personal_data(each) for each in question.findings)
        return ToolSession(offers, tainted=tainted, client_tools=options.tools)

    async def run_tool_loop(
        self,
        ctx: AnswerContext,
        session: ToolSession,
        request: ChatRequest,
        chain: FallbackChain,
        deadline: Deadline,
    ) -> FallbackResult:
        """Runs tool calls until the model answers or calls tools of the client; returns its last completion. Every
        model call is charged; the cost of the first is already reserved. Errors: AllModelsFailed.
        """
        rounds = 0
        while True:
            request = replace(request, allow_tool_calls=rounds < ctx.loaded.actions.max_rounds)
            result = await chain.complete(request, deadline, ctx.meter)
            session.reasons += [f"{name}: {failure.reason}" for name, failure in result.failures]
            completion = result.completion
            if not completion.calls:
                return result
            session.client_calls, problems = self._client_calls(ctx, session, completion.calls)
            if session.client_calls:
                return result
            rounds += 1
            ctx.meter.charge_beside_answer(result.model, completion.end.usage, completion.end.estimated)
            session.usage = session.usage + completion.end.usage
            called = Message("assistant", completion.text, completion.calls)
            results = await self._run_calls(ctx, session, completion.calls, deadline, problems)
            request = replace(request.then(called, *results), tool_choice=None)
            ctx.meter.estimate_cost(request)

    def _client_calls(
        self, ctx: AnswerContext, session: ToolSession, calls: Sequence[ToolCall]
    ) -> tuple[tuple[ToolCall, ...], Mapping[str, str]]:
        """The calls of the client's tools that end this answer; actions that are called beside them do not run. Or, by
        the id of the call, why they cannot be handed on.
        """
        if not session.client_tools:
            return (), {}
        prompt, output = ctx.release.prompt(TOOL_PROMPT).text, ctx.loaded.output_filter
        known = (ctx.question.text, *session.passages, *(each.text for each in session.client_results))
        return check_calls(session, calls, lambda text: output.objection(text, prompt, known), output.mask)

    async def _run_calls(
        self,
        ctx: AnswerContext,
        session: ToolSession,
        calls: Sequence[ToolCall],
        deadline: Deadline,
        problems: Mapping[str, str],
    ) -> list[Message]:
        # The model proposed all calls of one completion before it read any of their results.
        tainted, messages = session.tainted, []
        for call in calls:
            if any(call.name == tool.name for tool in session.client_tools):
                why = problems.get(call.id) or "It was not called, because another call could not be used."
                messages.append(Message("tool", why, call_id=call.id))
                continue
            try:
                with execute_tool(_known_name(session, call), call.id):
                    async with asyncio.timeout(deadline.remaining()):
                        outcome = await self.propose(ctx, session, call, tainted)
                    if isinstance(outcome, ProposalRefused):
                        annotate(**{"error.type": outcome.reason})
            except TimeoutError:
                outcome = ProposalRefused("failed", "There was no time left for that.")
            result = self.screen(ctx, session, call.name, ToolResult.of(outcome))
            if isinstance(outcome, NewAction):
                session.entries.append(outcome)
                if outcome.state == "done" and session.offer(outcome.proposal.action).untrusted:
                    session.tainted = True
                    session.untrusted_results.append(result.content)
            session.results.append(result)
            messages.append(Message("tool", result.content, call_id=call.id))
        return messages

    def screen(self, ctx: ProposalContext, session: ToolSession, action: str, result: ToolResult) -> ToolResult:
        """Screens a result like a document before a model reads it; one that would be quarantined is withheld."""
        screened = screened_result(ctx.loaded.security, session, action, result)
        return screened or ToolResult.of(ProposalRefused("failed", WITHHELD))

    def _objection(self, ctx: ProposalContext, session: ToolSession, proposal: ActionProposal) -> str | None:
        """The finding for which it may not be proposed: the arguments leave the service as an answer does."""
        prompt = ctx.release.prompt(TOOL_PROMPT).text
        known = (*_texts_of_asker(ctx), *(result.text for result in session.results))
        arguments = " ".join(_texts_in(proposal.arguments))
        return ctx.loaded.output_filter.objection(arguments, prompt, known)

    async def propose(
        self, ctx: ProposalContext, session: ToolSession, call: ToolCall, tainted: bool
    ) -> NewAction | ProposalRefused:
        """Checks a tool call, and runs it where it only reads. The one door for whoever proposes. Stores nothing."""
        policy, earlier = ctx.loaded.actions, [entry.proposal for entry in session.entries]
        from_asker = "\n".join(_texts_of_asker(ctx))
        sources = ArgumentSources(from_asker, session.passages, session.untrusted_results, session.author)
        proposal = await self.actions.proposals.propose(
            policy, ctx.caller, ctx.id, ctx.release.id, session.offers, call.name, call.arguments, earlier, sources
        )
        if isinstance(proposal, ProposalRefused):
            return proposal
        if found := self._objection(ctx, session, proposal):
            session.findings = (*session.findings, Finding(found, "an action with it in its arguments was refused"))
            return ProposalRefused("arguments_invalid", "The arguments contain what may not leave this service.")
        if proposal.risk == "read":
            result = await self.actions.execution.run_read(ctx.caller, proposal, session.documents)
            if isinstance(result, ProposalRefused):
                return result
            return NewAction(proposal, "done", None, tainted, result, tuple(session.documents))
        rule = rule_for_action(ctx.loaded.review, _proposed_action(ctx, session, proposal), tainted)
        terms = None if rule is None else _terms(ctx, rule, proposal)
        state: Literal["waiting", "approved"] = "waiting" if rule is not None and rule.send == "before" else "approved"
        return NewAction(proposal, state, terms, tainted, documents=tuple(session.documents))


def _texts_of_asker(ctx: ProposalContext) -> tuple[str, ...]:
    """What the asker said in this conversation."""
    return (*(turn.question for turn in ctx.question.history), ctx.question.text)


def _known_name(session: ToolSession, call: ToolCall) -> str:
    """Of an action that was offered; what else a model writes as a name is its own text."""
    offered = any(offer.name == call.name for offer in session.offers)
    return call.name if offered else "unknown"


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from (str(name), *_texts_in(each))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts_in(each)
    else:
        yield str(value)


def hold_actions(ctx: AnswerContext, rule: Rule, entries: Sequence[NewAction]) -> list[NewAction]:
    """Actions of a held answer wait with it, by the same rule."""
    return [
        replace(entry, state="waiting", terms=_terms(ctx, rule, entry.proposal)) if entry.state == "approved" else entry
        for entry in entries
    ]


def _proposed_action(ctx: ProposalContext, session: ToolSession, proposal: ActionProposal) -> ProposedAction:
    return ProposedAction(
        id=proposal.id,
        risk=proposal.risk,  # type: ignore[arg-type]
        text=f"{ctx.question_text}\n{proposal.action} {proposal.arguments}",
        findings=(*ctx.question.findings, *session.findings),
        risk_tier=ctx.loaded.risk_tier,
        tenant_id=ctx.caller.tenant_id,
    )


def _terms(ctx: ProposalContext, rule: Rule, proposal: ActionProposal) -> ReviewTerms:
    tier = ctx.loaded.risk_tier
    return ReviewTerms(
        rule=rule.name,
        timing=rule.send,
        risk_tier=tier,
        due_at=rule.due(proposal.created_at),
        escalate_at=rule.escalates(proposal.created_at),
        decisions=rule.decisions,
        self_approval=rule.lets_asker_decide(tier),
        groups=tuple(sorted(ctx.caller.groups)),
        question=ctx.question.text or NO_QUESTION,
        webhook=ctx.question.webhook if rule.send == "before" else None,
    )
