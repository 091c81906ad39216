"""The way of a question, one line a step; every step has a span, a time and a place in the fallback plan."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
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
    StreamEnded,
)
from app.inference.domain.chat import ChatRequest, Ending, Tool, estimate
from app.inference.domain.checked_text import CheckedText
from app.inference.domain.failures import Declined, ModelFailure
from app.inference.domain.prompting import ask
from app.inference.service.acting import Acting
from app.inference.service.chain import Began, Exhausted, ModelChain, Reply
from app.inference.service.drafting import UNSEARCHED, Failed, Wrote, outcome, quote, recount, refuse, why_not
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


@dataclass(frozen=True, slots=True)
class Leaving:
    """Text of a model that has been checked, on its way to the reader."""

    model: str
    text: str


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
        bill = Bill(self.costs.budgets, caller.tenant_id, deadline)
        way = Journey(new_id(), self.clock.now(), caller, question, deadline, to, bill)
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

    async def draft(self, way: Journey, evidence: Evidence) -> Draft:
        if way.acts is not None:
            return await self._act(way, evidence, way.acts)
        asking = await self._asking(way, evidence)
        if isinstance(asking, Draft):
            return asking
        request, chain = asking
        made: Wrote | Failed
        try:
            with way.step("model"):
                reply = await chain.complete(request, self._until(way), way.bill)
        except Exhausted as exhausted:
            made = Failed(exhausted.failures)
        else:
            way.reasons += _reasons(reply.failures)
            made = self._checked(way, evidence, reply, PROMPT)
        return self._settled(way, evidence, made)

    async def _asking(self, way: Journey, evidence: Evidence) -> tuple[ChatRequest, ModelChain] | Draft:
        """What to ask of which models; or what is said without asking any. Errors: BudgetUsedUp."""
        if reason := why_not(way.question.text, evidence, way.serving.grounds):
            return refuse(reason)
        chain = self.links(way)
        if not chain.links:
            return self.quote(way, evidence)
        request = self._request(way, evidence)
        chain = await self._afford(way, request, chain)
        return (request, chain) if chain.links else self.quote(way, evidence)

    async def _act(self, way: Journey, evidence: Evidence, acts: Acts) -> Draft:
        """The draft of an answer whose model may do more than answer: also where the documents say nothing about it."""
        if reason := why_not(way.question.text, evidence, way.serving.grounds):
            evidence = replace(evidence, passages=())

        def instead() -> Draft:
            return recount(acts) or (refuse(reason) if reason else self.quote(way, evidence))

        acts.tainted |= bool(evidence.passages)
        acts.documents |= evidence.documents
        request = self._request(way, evidence, ACT, acts.tools)
        chain = await self._afford(way, request, self.links(way))
        if not chain.links:
            way.reasons.append("actions: no model to propose them")
            return instead()
        made: Wrote | Failed
        try:
            with way.step("model"):
                reply = await self.acting.converse(way, acts, request, chain, self._until(way))
        except Exhausted as exhausted:
            made = Failed(exhausted.failures)
            if exhausted.declined:
                acts.drop()
        else:
            made = self._checked(way, evidence, reply, ACT, acts.told)
        return self._settled(way, evidence, made, instead, acted=bool(acts.told))

    def _checked(self, way: Journey, evidence: Evidence, reply: Reply, prompt: str, told: Sequence[Told] = ()) -> Wrote:
        with way.step("check"):
            text = self._text(way, evidence, prompt, told)
            text.feed(reply.completion.text)
            text.end()
        return Wrote(reply.model, text, reply.completion.ending)

    def _text(self, way: Journey, evidence: Evidence, prompt: str, told: Sequence[Told] = ()) -> CheckedText:
        return CheckedText(evidence.passages, way.serving.risk_tier, way.serving.release.prompt(prompt).text, told)

    def _settled(
        self,
        way: Journey,
        evidence: Evidence,
        made: Wrote | Failed,
        instead: Callable[[], Draft] | None = None,
        acted: bool = False,
    ) -> Draft:
        became = outcome(made, evidence, instead or (lambda: self.quote(way, evidence)), acted)
        way.reasons += became.reasons
        return became.draft

    async def written(self, way: Journey, evidence: Evidence) -> AsyncGenerator[Leaving | Draft, None]:
        """Sentences of a model as each is checked, then the draft; only the draft where no model wrote one.

        Errors: StreamEnded, when the model broke off after some had left; BudgetUsedUp.
        """
        asking = await self._asking(way, evidence)
        if isinstance(asking, Draft):
            yield asking
            return
        request, chain = asking
        made: Wrote | Failed | None = None
        model, text = "", None
        try:
            stream = chain.stream(request, self._until(way), way.bill)
            async with aclosing(way.streamed_step("model", stream)) as items:
                async for item in items:
                    if isinstance(item, Began):
                        model, text = item.model, self._text(way, evidence, PROMPT)
                        way.reasons += _reasons(item.failures)
                    elif text and isinstance(item, str):
                        if leaving := text.feed(item):
                            yield Leaving(model, leaving)
                    elif text and isinstance(item, Ending):
                        if leaving := self._rest(way, text, item):
                            yield Leaving(model, leaving)
                        made = self._ended(way, model, text, item)
        except Exhausted as exhausted:
            made = Failed(exhausted.failures)
        except ModelFailure as failure:
            made = self._broken_off(way, request, model, text, failure)
        except (asyncio.CancelledError, GeneratorExit):
            _spent(way, request, model, text)
            raise
        if made:
            yield self._settled(way, evidence, made)

    def _rest(self, way: Journey, text: CheckedText, ending: Ending) -> str:
        """What leaves at the end; nothing of what a filter broke off."""
        with way.step("check"):
            return "" if ending.finish == "content_filter" else text.end()

    def _ended(self, way: Journey, model: str, text: CheckedText, ending: Ending) -> Wrote:
        if ending.finish == "content_filter":
            # The refusal is said in our own words; the model's are paid for all the same.
            way.bill.passed(model, ending.usage, ending.estimated)
        return Wrote(model, text, ending)

    def _broken_off(
        self, way: Journey, request: ChatRequest, model: str, text: CheckedText | None, failure: ModelFailure
    ) -> Failed:
        """Errors: StreamEnded, where the reader has seen the beginning and nothing can be said in its place."""
        _spent(way, request, model, text, failure.usage)
        log.warning("stream_ended", model=model, reason=failure.reason)
        if text and text.text and not isinstance(failure, Declined):
            raise StreamEnded(f"The model's reply broke off ({failure.reason}).", retry_after=1) from failure
        return Failed([(model, failure)])

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
            created_at=way.created_at,
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
            finish_reason=draft.finish_reason,
            warnings=way.question.warnings,
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


def _spent(way: Journey, request: ChatRequest, model: str, text: CheckedText | None, told: Usage | None = None) -> None:
    """Tokens that were spent on an answer nobody got are charged all the same, even if the caller has gone."""
    if text is not None and not way.bill.left_over:
        usage = way.bill.charged(model, told or estimate(request, text.written), told is None)
        way.bill.owed.append((model, usage))


def _reasons(failures: tuple[tuple[str, ModelFailure], ...]) -> list[str]:
    return [f"{name}: {failure.reason}" for name, failure in failures]
