import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import orjson
import structlog

from app.core.database import Database
from app.core.errors import OutOfTime, Problem
from app.core.logging import log_failure
from app.core.telemetry import annotate, counter, gauge, span
from app.costs.domain import LedgerRow
from app.costs.domain.budgets import Settlement
from app.costs.service import Costs
from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answers import Answer, Draft, Question, TooManyAnswers, sources_of
from app.inference.domain.conditions import Conditions
from app.inference.domain.exposure import Exposure
from app.inference.domain.idempotency import Claim, Settled, Stored
from app.inference.domain.review import Held, Rule, Sent, Subject, rule_for
from app.inference.service.acting import waiting
from app.inference.service.journey import Journey
from app.inference.service.pipeline import Pipeline
from app.inference.service.serving import Assignment, Servings
from app.releases.domain import PRODUCTION, STAGING
from app.releases.service import Environments
from app.retrieval.domain import Evidence

log = structlog.get_logger(__name__)

KEPT_FOR_RECORD = 0.3

ANSWERED = counter("app_answers_total", "Answers by what they were", ("status", "model", "degraded", "environment"))
SENT = counter("app_answers_sent_to_review_total", "Answers that a rule sent to a person", ("rule", "timing"))
ACTIVE = gauge("app_answers_active", "Answers being worked on")

Reply = Answer | Held
"""What an asker gets: an answer, or word that it waits for a person."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a streamed answer before its text."""

    id: UUID
    created_at: datetime
    model: str


Render = Callable[[Reply], bytes]


def as_json(answer: Reply) -> bytes:
    return orjson.dumps(answer.as_dict())


@dataclass(frozen=True)
class Keyed:
    """A request with an Idempotency-Key: its claim, and how its reply will read."""

    claim: Claim
    render: Render = as_json


def _settled(keyed: Keyed | None, reply: Reply, documents: Collection[UUID]) -> Settled | None:
    if keyed is None:
        return None
    stored = Stored(202 if isinstance(reply, Held) else 200, keyed.render(reply))
    return Settled(keyed.claim, stored, tuple(documents))


def _unsaid(answer: Answer, sent: str) -> str:
    """What the reader of a stream lacks of the answer's text."""
    return answer.text.removeprefix(sent) if answer.text.startswith(sent) else f"\n\n{answer.text}"


@dataclass
class _Open:
    count: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


@dataclass(frozen=True)
class Answers:
    """Question to answer, on the release that the caller is assigned to. most_at_once: answers worked on together."""

    database: Database
    environments: Environments
    servings: Servings
    pipeline: Pipeline
    costs: Costs
    most_at_once: int
    _open: _Open = field(default_factory=_Open)

    async def assign(
        self, caller: Principal, environment: str | None = None, conversation: str | None = None
    ) -> Assignment:
        """The release that an answer to this caller belongs to.

        environment: None is production; staging is for those who may. Errors: NotAllowed, UnknownEnvironment,
        NothingLive, ReleaseUnknown, DatabaseUnavailable.
        """
        if environment == STAGING:
            caller.require("staging:use")
            release, _ = self.environments.assign(STAGING, "")
            return Assignment(self.servings.of(release), Exposure(release.id, STAGING))
        if not self.environments.held.by_name:
            await self.environments.resolve()
        unit = f"{caller.tenant_id}:{conversation}" if conversation else str(caller.tenant_id)
        release, arm = self.environments.assign(None, unit)
        return Assignment(self.servings.of(release), Exposure(release.id, PRODUCTION, arm, unit))

    async def answer(
        self, caller: Principal, question: Question, keyed: Keyed | None = None, to: Assignment | None = None
    ) -> Reply:
        """A cited answer or an honest refusal, recorded and charged; or word that it is held, as the release's review
        policy wants.

        Errors: QuestionRefused, ModelUnknown, TooManyAnswers, OutOfTime, DatabaseUnavailable, Superseded.
        """
        to = to or await self.assign(caller)
        with self._admitted(), self._watched(caller, to), span("answer"):
            way = self.pipeline.set_out(caller, question, to)
            with self._paid(way):
                evidence = await self.pipeline.find(way)
                draft = await self.pipeline.draft(way, evidence)
                return await self._deliver(way, evidence, draft, keyed)

    async def stream(
        self, caller: Principal, question: Question, keyed: Keyed | None = None, to: Assignment | None = None
    ) -> AsyncGenerator[Opening | str | Reply, None]:
        """An Opening, pieces of text, then the whole Answer, whose text the pieces are. A reader who leaves ends the
        call of a model that costs nothing; of another the stream is read on to what the provider charges. Each sentence
        leaves once it is checked; where a wrong answer can do much harm, or a rule might hold it, all of them at once.
        Of an answer that is held comes only Held.

        Where a refusal ended the text of a model, what had left stays: the refusal's sentence follows in a paragraph of
        its own, and the Answer holds nothing else.

        Errors: as `answer` before the first piece; after it StreamEnded, and nothing but the tokens is kept.
        """
        to, pipeline = to or await self.assign(caller), self.pipeline
        with self._admitted(), self._watched(caller, to):
            way, sent = pipeline.set_out(caller, question, to), ""
            way.streamed = True
            with self._paid(way):
                evidence = await pipeline.find(way)
                whole = way.acts is not None or self._seen_whole(way)
                draft = await pipeline.draft(way, evidence) if whole else None
                if draft is None:
                    async with aclosing(pipeline.written(way, evidence)) as pieces:
                        async for piece in pieces:
                            if isinstance(piece, Draft):
                                draft = piece
                                continue
                            if not sent:
                                way.text_left()
                                yield Opening(way.id, way.created_at, piece.model)
                            sent += piece.text
                            yield piece.text
                reply = await self._deliver(way, evidence, draft or pipeline.quote(way, evidence), keyed)
            if not sent:
                yield Opening(way.id, way.created_at, "held" if isinstance(reply, Held) else reply.model)
            if isinstance(reply, Answer) and (rest := _unsaid(reply, sent)):
                if not sent:
                    way.text_left()
                yield rest
            yield reply

    def check(self, to: Assignment, question: Question) -> None:
        """Errors: QuestionTooLong, ModelUnknown, WebhookRefused."""
        self.pipeline.check(to.serving, question)

    def models(self, to: Assignment) -> tuple[str, ...]:
        """The models a caller may name, first choice first."""
        return self.pipeline.models(to.serving)

    async def close(self) -> None:
        """Waits for what must still be written down."""
        await asyncio.gather(*self._open.tasks, return_exceptions=True)

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._open.count >= self.most_at_once:
            raise TooManyAnswers(retry_after=1)
        self._open.count += 1
        ACTIVE.set(self._open.count)
        try:
            yield
        finally:
            self._open.count -= 1
            ACTIVE.set(self._open.count)

    @contextmanager
    def _watched(self, caller: Principal, to: Assignment) -> Iterator[None]:
        """While a canary is judged, what fails is written down: an answer that failed leaves nothing else."""
        try:
            yield
        except Exception as error:
            code = error.code if isinstance(error, Problem) else "internal_error"
            if to.exposure.arm != "live" and (not isinstance(error, Problem) or error.status >= 500):
                self._later(repository.record_failure(self.database, caller.tenant_id, to.exposure, code))
            raise

    def _seen_whole(self, way: Journey) -> bool:
        """Whether nothing may leave before all of it is there."""
        serving = way.serving
        return serving.risk_tier == "high" or serving.review.may_hold(serving.risk_tier, way.caller.tenant_id)

    async def _deliver(self, way: Journey, evidence: Evidence, draft: Draft, keyed: Keyed | None) -> Reply:
        """Charges and stores the answer; nothing is delivered that was not, and nothing that a rule holds."""
        answer, rows = self.pipeline.finish(way, evidence, draft)
        rule = self._rule(way, answer)
        if rule and rule.send == "before" and way.acts:
            way.acts.entries = waiting(way, rule, way.acts.entries)
            answer = replace(answer, actions=way.acts.acted)
        conditions = Conditions.of(way.question, way.caller.groups, evidence)
        sources = sources_of(answer, evidence, way.acts.documents if way.acts else None)
        kept = repository.Kept(
            way.caller, way.question.text, answer, as_json(answer), way.to.exposure, conditions, tuple(sources)
        )
        sent, paid = self._sent(way, rule, kept), way.settlement(rows)
        reply = sent.instead_of(answer) if sent and sent.state == "held" else answer
        with way.step("record"):
            await self._record(way, kept, rows, _settled(keyed, reply, sources), paid, self._also(way, kept, sent))
        self.costs.count(rows)
        self.costs.budgets.count(paid)
        annotate(cost_micro_usd=answer.cost_micro_usd)
        ANSWERED.labels(answer.status, answer.model, str(answer.degraded).lower(), answer.environment).inc()
        if sent:
            SENT.labels(sent.rule.name, sent.rule.send).inc()
        return reply

    def _rule(self, way: Journey, answer: Answer) -> Rule | None:
        """Where a rule of the release sends it to a person."""
        about = Subject(answer, way.question.text, way.serving.risk_tier, way.caller.tenant_id)
        return rule_for(way.serving.review, about)

    def _sent(self, way: Journey, rule: Rule | None, kept: repository.Kept) -> Sent | None:
        if rule is None:
            return None
        serving, since = way.serving, kept.answer.created_at
        return Sent(rule, serving.risk_tier, serving.review.overlap, since, kept.body, way.question.webhook)

    def _also(self, way: Journey, kept: repository.Kept, sent: Sent | None) -> list[repository.Also]:
        """What is written down with the answer, or not at all."""
        also: list[repository.Also] = []
        if sent:
            also.append(lambda connection: repository.send(connection, kept, sent))
        if way.acts and (entries := way.acts.entries):
            also.append(lambda connection: self.pipeline.acting.actions.enter(connection, entries))
        return also

    async def _record(
        self,
        way: Journey,
        kept: repository.Kept,
        rows: list[LedgerRow],
        settled: Settled | None,
        paid: Settlement,
        also: Sequence[repository.Also],
    ) -> None:
        try:
            async with asyncio.timeout(max(way.deadline.remaining(), KEPT_FOR_RECORD)):
                await repository.record(self.database, kept, rows, settled, paid, also)
        except TimeoutError as error:
            raise OutOfTime("The answer could not be recorded in time.", retry_after=1) from error

    @contextmanager
    def _paid(self, way: Journey) -> Iterator[None]:
        """What was spent on an answer that nobody gets is charged, and what was held for it goes back."""
        try:
            yield
        except BaseException:
            self._later(self._abandon(way))
            raise

    async def _abandon(self, way: Journey) -> None:
        await way.bill.read_out()
        finished, rows = way.rows is not None, self._owed(way)
        if way.bill.holds or (rows and not finished):
            await self.costs.abandon(way.caller.tenant_id, way.id, rows, way.settlement(rows))

    def _owed(self, way: Journey) -> list[LedgerRow]:
        try:
            return self.pipeline.owed(way)
        except Exception as error:  # what cannot be priced is in the provider's own account; the hold goes back
            log_failure(log, "charge_lost", error, answer=str(way.id))
            return []

    def _later(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._open.tasks.add(task)
        task.add_done_callback(self._open.tasks.discard)
