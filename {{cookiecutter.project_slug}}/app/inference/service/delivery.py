"""The last step of an answer: it is charged and stored in one transaction, and only then delivered."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from uuid import UUID

import orjson
import structlog

from app.core.database import Database
from app.core.errors import OutOfTime
from app.core.http import current_request_id
from app.core.logging import log_failure
from app.core.slo import SloPolicy
from app.core.telemetry import counter, histogram
from app.costs.domain import LedgerRow
from app.costs.service import Costs
from app.idempotency.domain import Claim, CompletedRequest, StoredResponse
from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answer import Answer, source_documents
from app.inference.domain.answer_pages import stored_request_id
from app.inference.domain.draft import DraftOutcome
from app.inference.domain.human_review import (
    SUSPICIOUS,
    WITHHELD,
    HeldAnswer,
    ReviewRequest,
    RoutedAnswer,
    Rule,
    rule_for,
)
from app.inference.domain.release_assignment import ReleaseAssignment
from app.inference.domain.replay import AnswerConditions
from app.inference.service.answer_facts import note_answer
from app.inference.service.context import AnswerContext
from app.inference.service.conversation_access import keep_turn
from app.inference.service.pipeline import Pipeline
from app.inference.service.tool_calling import hold_actions
from app.retrieval.domain import Evidence
from app.safety.domain.output_filter import is_of_output

log = structlog.get_logger(__name__)

RECORD_SECONDS = 0.3
"""The least time for storing a finished answer, even past its deadline."""

ANSWERED = counter(
    "app_answers_total", "Answers, by status and model", ("status", "model", "degraded", "environment", "arm")
)
LATE = counter(
    "app_answers_late_total", "Answers that took longer than answer_p95_ms of policies/slo.yaml", ("environment", "arm")
)
GROUNDEDNESS = histogram(
    "app_answer_groundedness",
    "Share of an answer's sentences that its evidence supports",
    ("environment", "arm"),
    buckets=(0.2, 0.4, 0.6, 0.8, 0.9, 0.99, 1),
)
SENT_TO_REVIEW = counter("app_answers_sent_to_review_total", "Answers sent to human review", ("rule", "timing"))

FILTERED = counter(
    "app_output_filtered_total", "Answers with text that the output filter took out or masked", ("rule",)
)

_answered, _groundedness = cache(ANSWERED.labels), cache(GROUNDEDNESS.labels)

Reply = Answer | HeldAnswer
"""The answer, or a notice that it waits for a person."""

Render = Callable[[Reply], bytes]


def as_json(reply: Reply) -> bytes:
    return orjson.dumps(reply.as_dict())


@dataclass(frozen=True, slots=True)
class StreamStart:
    """The metadata of a streamed answer, sent before its text."""

    id: UUID
    created_at: datetime
    model: str


@dataclass(frozen=True)
class IdempotentReply:
    """The claim of a request with an Idempotency-Key, and how its response is rendered."""

    claim: Claim
    render: Render = as_json

    def completed(self, reply: Reply, documents: Collection[UUID]) -> CompletedRequest:
        status = 202 if isinstance(reply, HeldAnswer) else 200
        return CompletedRequest(self.claim, StoredResponse(status, self.render(reply)), tuple(documents))


@dataclass(frozen=True)
class Delivery:
    """Stores answers with their charges. tasks: writes that go on after the response was sent or has failed."""

    database: Database
    pipeline: Pipeline
    costs: Costs
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def deliver(
        self,
        ctx: AnswerContext,
        evidence: Evidence,
        outcome: DraftOutcome,
        idempotent: IdempotentReply | None,
    ) -> Reply:
        """The answer once it is charged and stored; in its place a held answer, where a review rule holds it.

        Errors: OutOfTime, DatabaseUnavailable, ClaimSuperseded, ErasedMeanwhile.
        """
        answer, rows = self.pipeline.finish(ctx, evidence, outcome)
        rule = self._review_rule(ctx, answer)
        if rule and rule.send == "before" and ctx.tool_session:
            ctx.tool_session.entries = hold_actions(ctx, rule, ctx.tool_session.entries)
            answer = replace(answer, actions=ctx.tool_session.actions)
        documents = source_documents(
            answer, evidence, ctx.tool_session.documents if ctx.tool_session else None, ctx.question.history
        )
        stored = repository.StoredAnswer(
            caller=ctx.caller,
            question=ctx.question.text,
            answer=answer,
            body=as_json(answer),
            assignment=ctx.assigned.assignment,
            conditions=AnswerConditions.of(ctx.question, ctx.caller.groups, evidence, ctx.searched_for),
            documents=tuple(documents),
            read_at=ctx.read_at,
            request_id=stored_request_id(current_request_id.get()),
        )
        review = self._review_request(ctx, rule, stored)
        reply = review.held_answer_for(answer) if review and review.state == "held" else answer
        completed = idempotent.completed(reply, documents) if idempotent else None
        with ctx.timer.step("record"):
            await self._record(ctx, stored, rows, completed, self._extra_writes(ctx, stored, review))
        note_answer(ctx, answer, review)
        _count(ctx, answer)
        if review:
            SENT_TO_REVIEW.labels(review.rule.name, review.rule.send).inc()
        return reply

    def _review_rule(self, ctx: AnswerContext, answer: Answer) -> Rule | None:
        routed = RoutedAnswer(answer, ctx.question_text, ctx.loaded.risk_tier, ctx.caller.tenant_id)
        rule = rule_for(ctx.loaded.review, routed)
        if rule and rule.send == "before":
            return rule
        if ctx.loaded.security.wants_review(ctx.question.findings):
            return SUSPICIOUS
        return WITHHELD if ctx.loaded.security.output.needs_review(answer.findings) else rule

    def _review_request(
        self, ctx: AnswerContext, rule: Rule | None, stored: repository.StoredAnswer
    ) -> ReviewRequest | None:
        if rule is None:
            return None
        loaded, created_at = ctx.loaded, stored.answer.created_at
        return ReviewRequest(
            rule, loaded.risk_tier, loaded.review.overlap, created_at, stored.body, ctx.question.webhook
        )

    def _extra_writes(
        self, ctx: AnswerContext, stored: repository.StoredAnswer, review: ReviewRequest | None
    ) -> list[repository.ExtraWrite]:
        """Further writes in the transaction of the answer: its review, its actions and its place in a conversation."""
        writes: list[repository.ExtraWrite] = []
        if review:
            writes.append(lambda connection: repository.send_to_review(connection, stored, review))
        if ctx.tool_session and (entries := ctx.tool_session.entries):
            actions = self.pipeline.generation.tool_calling.actions
            writes.append(lambda connection: actions.proposals.store(connection, entries))
        if (name := ctx.question.conversation) is not None:
            at = stored.answer.created_at
            writes.append(lambda connection: keep_turn(connection, ctx.caller, name, ctx.id, at))
        return writes

    async def _record(
        self,
        ctx: AnswerContext,
        stored: repository.StoredAnswer,
        rows: list[LedgerRow],
        completed: CompletedRequest | None,
        extra: Sequence[repository.ExtraWrite],
    ) -> None:
        settlement = ctx.meter.settlement(rows)
        try:
            async with asyncio.timeout(max(ctx.deadline.remaining(), RECORD_SECONDS)):
                await repository.record(self.database, stored, rows, completed, settlement, extra)
        except TimeoutError as error:
            raise OutOfTime("The answer could not be recorded in time.", retry_after=1) from error
        self.costs.count(rows)
        self.costs.reservations.count(settlement)

    @contextmanager
    def charging_abandoned(self, ctx: AnswerContext) -> Iterator[None]:
        """Charges the usage of a failed answer, and releases the rest of its holds."""
        try:
            yield
        except BaseException:
            self._in_background(self._abandon(ctx))
            raise

    async def _abandon(self, ctx: AnswerContext) -> None:
        await ctx.meter.drain()
        billed, rows = ctx.meter.billed is not None, self._abandoned_rows(ctx)
        if ctx.meter.holds or (rows and not billed):
            await self.costs.abandon(ctx.caller.tenant_id, ctx.id, rows, ctx.meter.settlement(rows))

    def _abandoned_rows(self, ctx: AnswerContext) -> list[LedgerRow]:
        try:
            return self.pipeline.abandoned_rows(ctx)
        except Exception as error:  # usage without a price is in the provider's own account; the hold is released
            log_failure(log, "inference.charge_lost", error, answer=str(ctx.id))
            return []

    def record_failure(self, caller: Principal, assignment: ReleaseAssignment, code: str) -> None:
        """Records a failed answer, which has no other trace."""
        self._in_background(repository.record_failure(self.database, caller.tenant_id, assignment, code))

    async def close(self) -> None:
        """Waits for writes in progress."""
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def _in_background(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def _count(ctx: AnswerContext, answer: Answer) -> None:
    side = ctx.assigned.assignment.environment, ctx.assigned.assignment.arm
    _answered(answer.status, answer.model, str(answer.degraded).lower(), *side).inc()
    if (time.perf_counter() - ctx.timer.started) * 1000 > ctx.loaded.policies.get(SloPolicy).answer_p95_ms:
        LATE.labels(*side).inc()
    if answer.groundedness is not None:
        _groundedness(*side).observe(answer.groundedness)
    for rule in {finding.rule for finding in answer.findings if is_of_output(finding)}:
        FILTERED.labels(rule).inc()
