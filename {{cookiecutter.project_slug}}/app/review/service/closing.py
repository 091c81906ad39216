"""What ends a review item, by a decision or by its deadline, with the audit entry for it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.telemetry import counter
from app.inference.service import HeldAnswers
from app.review import repository
from app.review.domain.items import ReviewItem, ReviewOutcome, ReviewState

SERVICE_ACTOR = "service"

ended_items = counter("app_review_items_ended_total", "Review items that ended, by outcome.", ("outcome",))


@dataclass(frozen=True)
class ReviewClosing:
    """Joins the caller's transaction."""

    held_answers: HeldAnswers

    async def close(
        self, connection: AsyncConnection, item: ReviewItem, state: ReviewState, outcome: ReviewOutcome, at: datetime
    ) -> ReviewItem:
        """Ends the item. When both of a blind pair have ended, the answer is no longer marked as blind."""
        closed = await repository.end(connection, item, state, outcome, at)
        if await repository.find_pair(connection, item) is None:
            return closed
        # Without the lock, two that end at once would each still see the other open.
        await self.held_answers.lock(connection, item.subject_id)
        pair = await repository.find_pair(connection, item)
        if pair and pair.state != "open":
            await self.held_answers.blind(connection, item.subject_id, False)
        return closed


async def audit_review(
    connection: AsyncConnection, actor: str, verb: str, before: ReviewItem, after: ReviewItem, reason: str, at: datetime
) -> None:
    # Without a reviewer's reason, which may quote the answer; the item keeps it.
    logged = reason if actor == SERVICE_ACTOR else ""
    act = Act(actor, f"review.{verb}", str(before.id), logged, before.digest, after.digest, before.tenant_id)
    await audit.record(connection, act, at)
