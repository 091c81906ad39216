"""Questions whose answers may act. A model proposes, reads run at once, and nothing else happens before the answer is
written down: it is entered in the same transaction, to run by itself or to wait for a person.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.actions.domain import Entry, Proposal, Refused, Terms
from app.actions.service import Actions
from app.core.clock import Deadline
from app.inference.domain.acts import Acts, Told
from app.inference.domain.chat import ChatRequest, Message, ToolCall
from app.inference.domain.review import Deed, Rule, rule_for_action
from app.inference.service.chain import ModelChain, Reply
from app.inference.service.journey import Journey
from app.safety.domain.screening import screen_fields
from app.safety.domain.text import normalise


@dataclass(frozen=True)
class Acting:
    """What a model may do for the one who asks, on the terms of the release."""

    actions: Actions

    def offer(self, way: Journey) -> Acts | None:
        """What the question wants to be offered; None when it wants nothing. Errors: ActionUnknown, NotAllowed."""
        if not (wanted := way.question.actions):
            return None
        offers = self.actions.offers(way.serving.actions, way.caller, wanted)
        return Acts(offers, tainted=bool(way.findings))

    async def converse(
        self, way: Journey, acts: Acts, request: ChatRequest, chain: ModelChain, until: Deadline
    ) -> Reply:
        """The model's last reply, after what it proposed on the way. Every call is charged; the first is measured
        already. Errors: Exhausted.
        """
        rounds = 0
        while True:
            request = replace(request, may_call=rounds < way.serving.actions.most_rounds)
            reply = await chain.complete(request, until, way.bill)
            way.reasons += [f"{name}: {failure.reason}" for name, failure in reply.failures]
            said = reply.completion
            if not said.calls:
                return reply
            rounds += 1
            way.bill.passed(reply.model, said.ending.usage, said.ending.estimated)
            acts.spent = acts.spent + said.ending.usage
            request = request.then(
                Message("assistant", said.text, said.calls), *await self._told(way, acts, said.calls, until)
            )
            way.bill.measure(request)

    async def _told(self, way: Journey, acts: Acts, calls: Sequence[ToolCall], until: Deadline) -> list[Message]:
        # What is proposed side by side was proposed before any of the results was read.
        tainted, messages = acts.tainted, []
        for call in calls:
            try:
                async with asyncio.timeout(until.remaining()):
                    made = await self._propose(way, acts, call, tainted)
            except TimeoutError:
                made = Refused("failed", "There was no time left for that.")
            told = self._screened(way, call.name, Told.of(made))
            if isinstance(made, Entry):
                acts.entries.append(made)
                acts.tainted |= made.state == "done" and acts.offer(made.proposal.action).untrusted
            acts.told.append(told)
            messages.append(Message("tool", told.content, call_id=call.id))
        return messages

    def _screened(self, way: Journey, action: str, told: Told) -> Told:
        """What comes back is screened like a document before a model reads it; withheld where that is quarantined."""
        findings = screen_fields({action: told.text})
        way.findings = (*way.findings, *findings)
        if any(way.serving.security.document_action(finding) == "quarantine" for finding in findings):
            return Told.of(Refused("failed", "What came back is withheld by the security policy."))
        return replace(told, content=normalise(told.content).text, text=normalise(told.text).text)

    async def _propose(self, way: Journey, acts: Acts, call: ToolCall, tainted: bool) -> Entry | Refused:
        policy, already = way.serving.actions, [entry.proposal for entry in acts.entries]
        made = await self.actions.propose(
            policy, way.caller, way.id, way.release.id, acts.offers, call.name, call.arguments, already
        )
        if isinstance(made, Refused):
            return made
        if made.risk == "read":
            result = await self.actions.read(way.caller, made, acts.documents)
            seen = tuple(acts.documents)
            return result if isinstance(result, Refused) else Entry(made, "done", None, tainted, result, seen)
        rule = rule_for_action(way.serving.review, _deed(way, made), tainted)
        terms = None if rule is None else _terms(way, rule, made)
        waits = rule is not None and rule.send == "before"
        return Entry(made, "waiting" if waits else "approved", terms, tainted, documents=tuple(acts.documents))


def waiting(way: Journey, rule: Rule, entries: Sequence[Entry]) -> list[Entry]:
    """What would run by itself waits like the answer that it belongs to, and by the same rule."""
    return [
        replace(entry, state="waiting", terms=_terms(way, rule, entry.proposal)) if entry.state == "approved" else entry
        for entry in entries
    ]


def _deed(way: Journey, made: Proposal) -> Deed:
    text = f"{way.question.text}\n{made.action} {made.arguments}"
    return Deed(made.id, made.risk, text, way.findings, way.serving.risk_tier, way.caller.tenant_id)  # type: ignore[arg-type]


def _terms(way: Journey, rule: Rule, made: Proposal) -> Terms:
    tier = way.serving.risk_tier
    return Terms(
        rule=rule.name,
        timing=rule.send,
        risk_tier=tier,
        due_at=rule.due(made.created_at),
        escalate_at=rule.escalates(made.created_at),
        decisions=rule.decisions,
        self_approval=rule.lets_asker_decide(tier),
        groups=tuple(sorted(way.caller.groups)),
        question=way.question.text,
        webhook=way.question.webhook if rule.send == "before" else None,
    )
