"""The way of a question, one line a step; every step has a span, a time and a place in the fallback plan."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from app.core.clock import Clock, Deadline
from app.core.errors import OutOfTime
from app.core.ids import new_id
from app.costs.domain import CostPolicy, Feature, LedgerRow, PriceTable, Usage
from app.costs.service import Costs
from app.identity.domain import Principal
from app.inference.domain.acts import Acts, Told
from app.inference.domain.answers import (
    EXTRACTIVE,
    Answer,
    Draft,
    ModelUnknown,
    Question,
    QuestionTooLong,
    Reason,
    StreamEnded,
)
from app.inference.domain.chat import ChatRequest, Ending, Tool, estimate
from app.inference.domain.failures import ModelFailure
from app.inference.domain.prompting import ask
from app.inference.service.acting import Acting
from app.inference.service.chain import Began, Exhausted, ModelChain, Reply
from app.inference.service.drafting import UNSEARCHED, Writing, quote, recount, refuse, why_not
from app.inference.service.journey import Journey
from app.inference.service.paying import Bill, afford
from app.inference.service.serving import Assignment, Serving
from app.retrieval.domain import Evidence
from app.retrieval.service import Retrieval
from app.safety.domain.policy import QuestionRefused
from app.safety.domain.screening import screen_question
from app.safety.domain.text import normalise

log = structlog.get_logger(__name__)

KEPT_FOR_FALLBACK = 0.1
"""Share of the deadline that no model gets, so that quoting the evidence is always possible."""
PROMPT, ACT = "answer", "act"


@dataclass(frozen=True)
class Pipeline:
    """Question to answer on one release, whoever asks and whatever becomes of it."""

    clock: Clock
    retrieval: Retrieval
    costs: Costs
    acting: Acting

    def check(self, serving: Serving, question: Question) -> None:
        """Errors: QuestionTooLong, ModelUnknown, WebhookRefused."""
        most = serving.security.limits.question_characters
        if len(question.text) > most:
            raise QuestionTooLong(f"A question has at most {most:,} characters; this one has {len(question.text):,}.")
        if question.model not in (None, *self.models(serving)):
            raise ModelUnknown(f"There is no model '{question.model[:80] if question.model else ''}'.")
        if question.webhook is not None:
            serving.security.webhooks.target(question.webhook)

    def models(self, serving: Serving) -> tuple[str, ...]:
        """The models a caller may name, first choice first."""
        return (*(link.name for link in serving.chain.links), EXTRACTIVE)

    def set_out(self, caller: Principal, question: Question, to: Assignment) -> Journey:
        """The question, checked and screened, with what it lets a model do.

        Errors: QuestionTooLong, ModelUnknown, QuestionRefused, ActionUnknown, NotAllowed.
        """
        serving = to.serving
        self.check(serving, question)
        deadline = Deadline.after(serving.deadline_seconds, self.clock)
        way = Journey(new_id(), caller, question, deadline, to, Bill(self.costs.budgets, caller.tenant_id, deadline))
        with way.step("screen"):
            clean = normalise(question.text)
            way.findings = screen_question(clean)
            refused = [f for f in way.findings if serving.security.question_action(f) == "refuse"]
            if refused:
                raise QuestionRefused(f"The question {refused[0].detail}.", findings=[f.as_dict() for f in refused])
            way.question = replace(question, text=clean.text)
        way.acts = self.acting.offer(way)
        return way

    async def find(self, way: Journey, corpus_version: int | None = None) -> Evidence:
        with way.step("evidence"):
            try:
                async with asyncio.timeout(way.deadline.remaining()):
                    evidence = await self.retrieval.search(
                        way.caller,
                        way.question.text,
                        limit=way.question.passages,
                        deadline=way.deadline,
                        corpus_version=corpus_version,
                        index=way.serving.index,
                        params=way.serving.params,
                    )
            except (TimeoutError, OutOfTime):
                evidence = UNSEARCHED
        way.embedded = evidence.usage
        if evidence.usage and evidence.usage.hold:
            way.bill.holds.append(evidence.usage.hold)
        if evidence.degraded:
            way.reasons.append(f"search: {evidence.degraded}")
        return evidence

    def why_not(self, way: Journey, evidence: Evidence) -> Reason | None:
        """Why this evidence cannot carry an answer; None when it may."""
        return why_not(way.question.text, evidence, way.serving.grounds)

    async def draft(self, way: Journey, evidence: Evidence) -> Draft:
        if way.acts is not None:
            return await self._act(way, evidence, way.acts)
        if reason := why_not(way.question.text, evidence, way.serving.grounds):
            return refuse(reason)
        chain = self.links(way)
        if not chain.links:
            return self.quote(way, evidence)
        request = self._request(way, evidence)
        chain = await self._afford(way, request, chain)
        if not chain.links:
            return self.quote(way, evidence)
        try:
            with way.step("model"):
                reply = await chain.complete(request, self._until(way), way.bill)
        except Exhausted as exhausted:
            return self._declined(way, exhausted) or self.quote(way, evidence)
        way.reasons += _reasons(reply.failures)
        draft = self._checked(way, evidence, reply)
        if draft.supported:
            return draft
        way.reasons.append(f"{reply.model}: answer_unsupported")
        return _charged_as(draft, self.quote(way, evidence))

    async def _act(self, way: Journey, evidence: Evidence, acts: Acts) -> Draft:
        """The draft of an answer whose model may do more than answer: also where the documents say nothing about it."""
        if reason := self.why_not(way, evidence):
            evidence = replace(evidence, passages=())
        acts.tainted |= bool(evidence.passages)
        acts.documents |= evidence.documents
        request = self._request(way, evidence, ACT, acts.tools)
        chain = await self._afford(way, request, self.links(way))
        if not chain.links:
            way.reasons.append("actions: no model to propose them")
            return self._recounted(way, evidence, acts, reason)
        try:
            with way.step("model"):
                reply = await self.acting.converse(way, acts, request, chain, self._until(way))
        except Exhausted as exhausted:
            if declined := self._declined(way, exhausted):
                acts.drop()
                return declined
            return self._recounted(way, evidence, acts, reason)
        draft = self._checked(way, evidence, reply, acts.told)
        if draft.supported and not (draft.refusal and acts.told):
            return draft
        way.reasons.append(f"{reply.model}: answer_unsupported")
        return _charged_as(draft, self._recounted(way, evidence, acts, reason))

    def _recounted(self, way: Journey, evidence: Evidence, acts: Acts, reason: Reason | None) -> Draft:
        """Without a model's words: what became of its proposals, else what the documents say or do not."""
        return recount(acts) or (refuse(reason) if reason else self.quote(way, evidence))

    def _checked(self, way: Journey, evidence: Evidence, reply: Reply, told: Sequence[Told] = ()) -> Draft:
        with way.step("check"):
            writing = Writing(reply.model, evidence, way.serving.risk_tier, told)
            writing.feed(reply.completion.text)
            writing.end()
            return writing.draft(reply.completion.ending)

    async def written(self, way: Journey, evidence: Evidence) -> AsyncGenerator[str | Draft, None]:
        """Pieces as the model writes them, then its draft; only the draft where no model would begin."""
        request = self._request(way, evidence)
        chain = await self._afford(way, request, self.links(way))
        if not chain.links:
            yield self.quote(way, evidence)
            return
        writing: Writing | None = None
        try:
            stream = chain.stream(request, self._until(way), way.bill)
            async with aclosing(way.streamed_step("model", stream)) as items:
                async for item in items:
                    if isinstance(item, Began):
                        writing = Writing(item.model, evidence, way.serving.risk_tier)
                        way.reasons += _reasons(item.failures)
                    elif writing and isinstance(item, str):
                        if seen := writing.feed(item):
                            yield seen
                    elif writing and isinstance(item, Ending):
                        if seen := writing.end():
                            yield seen
                        yield self._judged(way, writing, item)
        except Exhausted as exhausted:
            yield self._declined(way, exhausted) or self.quote(way, evidence)
        except ModelFailure as failure:
            _spent(way, request, writing, failure.usage)
            log.warning("stream_ended", model=writing and writing.model, reason=failure.reason)
            raise StreamEnded(f"The model's reply broke off ({failure.reason}).", retry_after=1) from failure
        except (asyncio.CancelledError, GeneratorExit):
            _spent(way, request, writing)
            raise

    def _judged(self, way: Journey, writing: Writing, ending: Ending) -> Draft:
        with way.step("check"):
            draft = writing.draft(ending)
        if not draft.supported:
            way.reasons.append(f"{writing.model}: answer_unsupported")
        return draft

    def links(self, way: Journey) -> ModelChain:
        wanted = way.question.model
        if wanted is None:
            return way.serving.chain
        return replace(way.serving.chain, links=tuple(link for link in way.serving.chain.links if link.name == wanted))

    async def _afford(self, way: Journey, request: ChatRequest, chain: ModelChain) -> ModelChain:
        """The models there is money for; none: the evidence is quoted. Errors: BudgetUsedUp."""
        with way.step("hold"):
            serving = way.serving
            chain, why = await afford(way.bill, request, chain, serving.prices, serving.policies.get(CostPolicy))
        if why:
            way.reasons.append(why)
        return chain

    def _request(
        self, way: Journey, evidence: Evidence, prompt: str = PROMPT, tools: tuple[Tool, ...] = ()
    ) -> ChatRequest:
        question, text = way.question, way.serving.release.prompt(prompt).text
        asked = ask(text, question.text, evidence.passages, question.max_tokens, question.temperature, tools)
        return replace(asked, logprobs=way.serving.review.asks_confidence)

    def _until(self, way: Journey) -> Deadline:
        return way.deadline.within(
            max(0.0, way.deadline.remaining() - way.serving.deadline_seconds * KEPT_FOR_FALLBACK)
        )

    def _declined(self, way: Journey, exhausted: Exhausted) -> Draft | None:
        """Notes why no model answered. A refusal for security is delivered, and not worked around."""
        way.reasons += _reasons(tuple(exhausted.failures))
        return refuse("declined", exhausted.failures[-1][0]) if exhausted.declined else None

    def quote(self, way: Journey, evidence: Evidence) -> Draft:
        with way.step("extract"):
            return quote(way.question, evidence)

    def finish(
        self, way: Journey, evidence: Evidence, draft: Draft, feature: Feature = "answer"
    ) -> tuple[Answer, list[LedgerRow]]:
        """The answer, and what it costs; neither is written down yet."""
        usage = way.bill.charged(draft.model, draft.usage, draft.estimated)
        rows = way.rows = self._rows(way, [(draft.model, usage), *way.bill.owed], feature)
        answer = Answer(
            id=way.id,
            created_at=self.clock.now(),
            status="refused" if draft.refusal else "answered",
            text=draft.text,
            model=EXTRACTIVE if draft.quoted else draft.model,
            degraded=bool(way.reasons),
            reasons=tuple(way.reasons),
            refusal=draft.refusal,
            release_id=way.release.id,
            corpus_version=evidence.corpus_version,
            citations=draft.citations,
            findings=(*way.findings, *draft.findings),
            usage=draft.usage + way.acts.spent if way.acts else draft.usage,
            estimated=draft.estimated,
            cost_micro_usd=sum(row.charge.micro_usd for row in rows),
            timings_ms=way.total(),
            trace_id=way.trace_id,
            groundedness=draft.groundedness,
            confidence=draft.confidence,
            environment=way.to.exposure.environment,
            actions=way.acts.acted if way.acts else (),
        )
        return answer, rows

    def owed(self, way: Journey, feature: Feature = "answer") -> list[LedgerRow]:
        """What is to be paid for a question that got no answer."""
        way.bill.left()
        return way.rows if way.rows is not None else self._rows(way, way.bill.owed, feature)

    def _rows(self, way: Journey, calls: Sequence[tuple[str, Usage]], feature: Feature) -> list[LedgerRow]:
        def row(feature: Feature, model: str, usage: Usage, prices: PriceTable | None) -> LedgerRow:
            return self.costs.row(
                way.caller.tenant_id,
                feature,
                model,
                usage,
                subject_id=way.id,
                key_id=way.caller.key_id,
                release_id=way.release.id,
                environment=way.to.exposure.environment,
                table=prices,
            )

        rows = [row(feature, model, usage, way.serving.prices) for model, usage in calls]
        if embedded := way.embedded:
            rows.append(row("embedding_query", embedded.model, Usage(embedded.tokens), None))
        return rows


def _charged_as(written: Draft, said: Draft) -> Draft:
    """What is said in the place of what a model wrote, whose tokens are to be paid all the same."""
    return replace(said, model=written.model, usage=written.usage, estimated=written.estimated, quoted=True)


def _spent(way: Journey, request: ChatRequest, writing: Writing | None, told: Usage | None = None) -> None:
    """Tokens that were spent on an answer nobody got are charged all the same, even if the caller has gone."""
    if writing is not None and not way.bill.left_over:
        usage = way.bill.charged(writing.model, told or estimate(request, writing.text), told is None)
        way.bill.owed.append((writing.model, usage))


def _reasons(failures: tuple[tuple[str, ModelFailure], ...]) -> list[str]:
    return [f"{name}: {failure.reason}" for name, failure in failures]
