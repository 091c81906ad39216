"""Review items without a reviewer: how they enter the queue, and how they end when nobody decides in time."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import structlog

from app.core import audit
from app.core.audit import Act
from app.core.background import run_periodically
from app.core.clock import Clock
from app.core.database import Database, moment
from app.core.ids import in_sample, new_id
from app.inference.service import HeldAnswers
from app.review import repository
from app.review.domain.items import ReviewItem, ReviewKind
from app.review.service.closing import SERVICE_ACTOR, ReviewClosing, audit_review, ended_items
from app.review.service.subjects import DecisionContext, ReviewSubjects

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 5.0
SWEEP_BATCH = 100
OVERLAP_DAYS = 7
"""How long the second of a blind pair may take; no answer waits for it."""


@dataclass(frozen=True)
class ReviewLifecycle:
    """clock: None is the database's time, which all processes share."""

    database: Database
    subjects: ReviewSubjects
    closing: ReviewClosing
    held_answers: HeldAnswers
    clock: Clock | None = None

    async def add(self, tenant_id: UUID, subject_id: UUID, kind: ReviewKind = "answer") -> None:
        """Puts an answer or an action into the queue, and a sample of the answers a second time, for a blind pair.
        Idempotent. Errors: AnswerNotFound, ActionNotFound.
        """
        async with self.database.transaction(tenant_id) as connection:
            item, overlap_rate = await self.subjects.of(kind).item(connection, tenant_id, subject_id)
            await repository.add(connection, item)
            # The bits are inverted so that this sample is independent of others drawn from the same id.
            sampled = in_sample(UUID(int=subject_id.int ^ (2**128 - 1)).bytes, overlap_rate)
            if sampled and await repository.add(connection, _paired_item(item)):
                await self.held_answers.blind(connection, subject_id, True)

    async def reject_unqueued(
        self, tenant_id: UUID, subject_id: UUID, reason: str, kind: ReviewKind = "answer"
    ) -> None:
        """Rejects what could not be put into the queue: it is not delivered, or does not run."""
        async with self.database.transaction(tenant_id) as connection:
            at = await moment(connection, self.clock)
            context = DecisionContext(SERVICE_ACTOR, reason, at)
            await self.subjects.of(kind).reject_undecided(connection, subject_id, False, context)
            act = Act(SERVICE_ACTOR, "review.deny", str(subject_id), reason, after="rejected", tenant_id=tenant_id)
            await audit.record(connection, act, at)

    async def expire_due(self) -> int:
        """Ends items that are past their deadline: a held answer is not delivered, a waiting action does not run.
        Returns how many ended.
        """
        async with self.database.read(None) as connection:
            at = await moment(connection, self.clock)
            tenants = await repository.due_tenants(connection, at)
        return sum([await self._expire_due_of(tenant_id) for tenant_id in tenants])

    async def watch(self) -> None:
        """Expires items until cancelled; a failed sweep is logged and tried again. Safe in several processes."""
        await run_periodically(self.expire_due, SWEEP_SECONDS, log, "review.sweep_failed")

    async def _expire_due_of(self, tenant_id: UUID) -> int:
        async with self.database.transaction(tenant_id) as connection:
            at = await moment(connection, self.clock)
            await repository.escalate(connection, at)
            context = DecisionContext(SERVICE_ACTOR, "its time was up", at)
            ended: list[tuple[ReviewItem, ReviewItem]] = []
            for item in await repository.list_expired(connection, at, SWEEP_BATCH):
                if item.kind != "overlap" and item.timing == "before":
                    await self.subjects.of(item.kind).reject_undecided(connection, item.subject_id, True, context)
                ended.append((item, await self.closing.close(connection, item, "expired", "denied", at)))
            # The audit log is locked last everywhere, so that two transactions cannot deadlock on it.
            for before, after in ended:
                await audit_review(connection, SERVICE_ACTOR, "expire", before, after, context.reason, at)
                ended_items.labels("denied").inc()
        return len(ended)


def _paired_item(item: ReviewItem) -> ReviewItem:
    due = max(item.due_at, item.created_at + timedelta(days=OVERLAP_DAYS))
    return replace(item, id=new_id(), kind="overlap", needed=1, due_at=due, escalate_at=None, original=item.payload)
