import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace

import orjson
import structlog

from app.core.clock import Clock, Deadline
from app.core.database import Database
from app.core.errors import OutOfTime
from app.core.ids import new_id
from app.core.ownership import RiskTier
from app.core.telemetry import counter, gauge, span
from app.costs.domain import LedgerRow, Usage
from app.costs.service import Costs
from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answers import (
    EXTRACTIVE,
    Answer,
    Draft,
    ModelUnknown,
    Question,
    QuestionTooLong,
    StreamEnded,
    TooManyAnswers,
)
from app.inference.domain.chat import ChatRequest, Ending, estimate
from app.inference.domain.failures import ModelFailure
from app.inference.domain.idempotency import Claim, Settled, Stored
from app.inference.domain.prompting import ask
from app.inference.service.chain import Began, Exhausted, ModelChain
from app.inference.service.drafting import UNSEARCHED, Writing, quote, refuse, why_not
from app.inference.service.journey import Journey
from app.releases.service import Releases
from app.retrieval.domain import Evidence
from app.retrieval.service import Retrieval
from app.safety.domain.policy import QuestionRefused, SecurityPolicy
from app.safety.domain.screening import screen_question
from app.safety.domain.text import normalise

log = structlog.get_logger(__name__)

KEPT_FOR_FALLBACK = 0.1
"""Share of the deadline that no model gets, so that quoting the evidence is always possible."""
KEPT_FOR_RECORD = 0.3
PROMPT = "answer"

ANSWERED = counter("app_answers_total", "Answers by what they were", ("status", "model", "degraded"))
ACTIVE = gauge("app_answers_active", "Answers being worked on")

Render = Callable[[Answer], bytes]


def as_json(answer: Answer) -> bytes:
    return orjson.dumps(answer.as_dict())


@dataclass(frozen=True)
class Keyed:
    """A request with an Idempotency-Key: its claim, and how its reply will read."""

    claim: Claim
    render: Render = as_json


@dataclass
class _Open:
    count: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


@dataclass(frozen=True)
class Answers:
    """Question to answer.

    deadline_seconds: what a whole answer may take; each step gets what is left of it.
    risk_tier: how much of what a model wrote must be supported by the evidence.
    """

    database: Database
    clock: Clock
    releases: Releases
    retrieval: Retrieval
    costs: Costs
    chain: ModelChain
    security: SecurityPolicy
    deadline_seconds: float
    risk_tier: RiskTier
    _open: _Open = field(default_factory=_Open)

    async def answer(self, caller: Principal, question: Question, keyed: Keyed | None = None) -> Answer:
        """A cited answer or an honest refusal, recorded and charged.

        Errors: QuestionRefused, ModelUnknown, TooManyAnswers, OutOfTime, DatabaseUnavailable, Superseded.
        """
        with self._admitted(), span("answer"):
            way = await self._set_out(caller, question)
            self._hold(way)
            evidence = await self._find(way)
            draft = await self._draft(way, evidence)
            return await self._deliver(way, evidence, draft, keyed)

    async def stream(
        self, caller: Principal, question: Question, keyed: Keyed | None = None
    ) -> AsyncGenerator[str | Answer, None]:
        """Pieces of text, then the whole Answer. A reader who leaves ends the call at the provider. Where a wrong
        answer can do much harm, the text comes in one piece, once it has been checked as a whole.

        Errors: as `answer` before the first piece; after it StreamEnded, and nothing but the tokens is kept.
        """
        with self._admitted():
            way = await self._set_out(caller, question)
            self._hold(way)
            evidence = await self._find(way)
            whole = self.risk_tier == "high" or not self._models(way).links or why_not(way.question.text, evidence)
            draft = await self._draft(way, evidence) if whole else None
            if draft is None:
                async with aclosing(self._written(way, evidence)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Draft):
                            draft = piece
                        else:
                            yield piece
            if draft is None or whole or draft.model == EXTRACTIVE:
                draft = draft or self._quote(way, evidence)
                yield draft.text
            yield await self._deliver(way, evidence, draft, keyed)

    def check(self, question: Question) -> None:
        """Errors: QuestionTooLong, ModelUnknown."""
        most = self.security.limits.question_characters
        if len(question.text) > most:
            raise QuestionTooLong(f"A question has at most {most:,} characters; this one has {len(question.text):,}.")
        if question.model not in (None, *self.models()):
            raise ModelUnknown(f"There is no model '{question.model[:80] if question.model else ''}'.")

    def models(self) -> tuple[str, ...]:
        """The models a caller may name, first choice first."""
        return (*(link.name for link in self.chain.links), EXTRACTIVE)

    async def close(self) -> None:
        """Waits for what must still be written down."""
        await asyncio.gather(*self._open.tasks, return_exceptions=True)

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._open.count >= self.security.limits.concurrent_answers:
            raise TooManyAnswers(retry_after=1)
        self._open.count += 1
        ACTIVE.set(self._open.count)
        try:
            yield
        finally:
            self._open.count -= 1
            ACTIVE.set(self._open.count)

    async def _set_out(self, caller: Principal, question: Question) -> Journey:
        self.check(question)
        deadline = Deadline.after(self.deadline_seconds, self.clock)
        release = await self.releases.resolve()
        way = Journey(new_id(), caller, question, deadline, release)
        with way.step("screen"):
            clean = normalise(question.text)
            way.findings = screen_question(clean)
            refused = [f for f in way.findings if self.security.question_action(f) == "refuse"]
            if refused:
                raise QuestionRefused(f"The question {refused[0].detail}.", findings=[f.as_dict() for f in refused])
            way.question = replace(question, text=clean.text)
        return way

    def _hold(self, way: Journey) -> None:
        """The first floor of a hold: nothing is begun that could not be charged. Errors: ModelUnpriced."""
        with way.step("hold"):
            for model in self.models():
                self.costs.price(model, Usage(0))

    async def _find(self, way: Journey) -> Evidence:
        with way.step("evidence"):
            try:
                async with asyncio.timeout(way.deadline.remaining()):
                    evidence = await self.retrieval.search(
                        way.caller, way.question.text, limit=way.question.passages, deadline=way.deadline
                    )
            except (TimeoutError, OutOfTime):
                evidence = UNSEARCHED
        if evidence.degraded:
            way.reasons.append(f"search: {evidence.degraded}")
        return evidence

    async def _draft(self, way: Journey, evidence: Evidence) -> Draft:
        if reason := why_not(way.question.text, evidence):
            return refuse(reason)
        chain = self._models(way)
        if not chain.links:
            return self._quote(way, evidence)
        request = self._request(way, evidence)
        try:
            with way.step("model"):
                reply = await chain.complete(request, self._until(way))
        except Exhausted as exhausted:
            return self._instead(way, evidence, exhausted)
        way.reasons += _reasons(reply.failures)
        with way.step("check"):
            writing = Writing(reply.model, evidence, self.risk_tier)
            writing.feed(reply.completion.text)
            writing.end()
            draft = writing.draft(reply.completion.ending)
        if draft.supported:
            return draft
        way.reasons.append(f"{reply.model}: answer_unsupported")
        quoted = self._quote(way, evidence)
        return replace(quoted, model=reply.model, usage=draft.usage, estimated=draft.estimated, quoted=True)

    async def _written(self, way: Journey, evidence: Evidence) -> AsyncGenerator[str | Draft, None]:
        """Pieces as the model writes them, then its draft; only the draft where no model would begin."""
        request = self._request(way, evidence)
        writing: Writing | None = None
        try:
            async with aclosing(self._models(way).stream(request, self._until(way))) as items:
                async for item in items:
                    if isinstance(item, Began):
                        writing = Writing(item.model, evidence, self.risk_tier)
                        way.reasons += _reasons(item.failures)
                    elif writing and isinstance(item, str):
                        if seen := writing.feed(item):
                            yield seen
                    elif writing and isinstance(item, Ending):
                        if seen := writing.end():
                            yield seen
                        yield self._judged(way, writing, item)
        except Exhausted as exhausted:
            yield self._instead(way, evidence, exhausted)
        except ModelFailure as failure:
            self._charge_partial(way, request, writing)
            log.warning("stream_ended", model=writing and writing.model, reason=failure.reason)
            raise StreamEnded(f"The model's reply broke off ({failure.reason}).", retry_after=1) from failure
        except (asyncio.CancelledError, GeneratorExit):
            self._charge_partial(way, request, writing)
            raise

    def _judged(self, way: Journey, writing: Writing, ending: Ending) -> Draft:
        with way.step("check"):
            draft = writing.draft(ending)
        if not draft.supported:
            way.reasons.append(f"{writing.model}: answer_unsupported")
        return draft

    def _models(self, way: Journey) -> ModelChain:
        wanted = way.question.model
        if wanted is None:
            return self.chain
        return replace(self.chain, links=tuple(link for link in self.chain.links if link.name == wanted))

    def _request(self, way: Journey, evidence: Evidence) -> ChatRequest:
        question = way.question
        prompt = way.release.prompt(PROMPT).text
        return ask(prompt, question.text, evidence.passages, question.max_tokens, question.temperature)

    def _until(self, way: Journey) -> Deadline:
        return way.deadline.within(max(0.0, way.deadline.remaining() - self.deadline_seconds * KEPT_FOR_FALLBACK))

    def _instead(self, way: Journey, evidence: Evidence, exhausted: Exhausted) -> Draft:
        """What is delivered when no model answered. A refusal for security is not worked around."""
        way.reasons += _reasons(tuple(exhausted.failures))
        if exhausted.declined:
            return refuse("declined", exhausted.failures[-1][0])
        return self._quote(way, evidence)

    def _quote(self, way: Journey, evidence: Evidence) -> Draft:
        with way.step("extract"):
            return quote(way.question, evidence)

    async def _deliver(self, way: Journey, evidence: Evidence, draft: Draft, keyed: Keyed | None) -> Answer:
        """Charges and stores the answer; nothing is delivered that was not."""
        rows = self._rows(way, draft.model, draft.usage, evidence)
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
            usage=draft.usage,
            estimated=draft.estimated,
            cost_micro_usd=sum(row.charge.micro_usd for row in rows),
            timings_ms=way.total(),
            trace_id=way.trace_id,
        )
        with way.step("record"):
            await self._record(way, answer, rows, keyed)
        self.costs.count(rows)
        ANSWERED.labels(answer.status, answer.model, str(answer.degraded).lower()).inc()
        return answer

    async def _record(self, way: Journey, answer: Answer, rows: list[LedgerRow], keyed: Keyed | None) -> None:
        body = as_json(answer)
        settled = Settled(keyed.claim, Stored(200, keyed.render(answer))) if keyed else None
        caller = way.caller
        try:
            async with asyncio.timeout(max(way.deadline.remaining(), KEPT_FOR_RECORD)):
                await repository.record(
                    self.database, caller.tenant_id, caller.key_id, way.question.text, answer, body, rows, settled
                )
        except TimeoutError as error:
            raise OutOfTime("The answer could not be recorded in time.", retry_after=1) from error

    def _rows(self, way: Journey, model: str, usage: Usage, evidence: Evidence | None) -> list[LedgerRow]:
        ids = {"subject_id": way.id, "key_id": way.caller.key_id}
        tenant, release = way.caller.tenant_id, way.release.id
        rows = [self.costs.row(tenant, "answer", model, usage, **ids, release_id=release)]
        if evidence and (embedded := evidence.usage):
            spent = Usage(embedded.tokens)
            rows.append(self.costs.row(tenant, "embedding_query", embedded.model, spent, **ids, release_id=release))
        return rows

    def _charge_partial(self, way: Journey, request: ChatRequest, writing: Writing | None) -> None:
        """Tokens that were spent on an answer nobody got are charged all the same, even if the caller has
        gone.
        """
        if writing is None:
            return
        rows = self._rows(way, writing.model, estimate(request, writing.text), None)

        async def charge() -> None:
            caller = way.caller
            await repository.record(self.database, caller.tenant_id, caller.key_id, "", None, b"", rows)
            self.costs.count(rows)

        task = asyncio.get_running_loop().create_task(charge())
        self._open.tasks.add(task)
        task.add_done_callback(self._open.tasks.discard)


def _reasons(failures: tuple[tuple[str, ModelFailure], ...]) -> list[str]:
    return [f"{name}: {failure.reason}" for name, failure in failures]
