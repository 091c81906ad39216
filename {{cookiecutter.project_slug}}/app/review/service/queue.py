"""The queue of review items: listing them, showing one, and the lease on the one that a reviewer works on."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.database import Database, moment
from app.core.errors import Problem
from app.identity.domain import Principal
from app.review import repository
from app.review.domain.agreement import Agreement, agreement
from app.review.domain.blind_review import check_hidden_claim, check_not_hidden, is_hidden
from app.review.domain.items import (
    PastDecision,
    ReviewAlreadyClaimed,
    ReviewCursor,
    ReviewItem,
    ReviewNotFound,
    check_lease,
    check_open,
    check_reviewer,
)
from app.review.repository import ReviewFilters

NEXT_BATCH = 100


class ReviewDetail(NamedTuple):
    """An item and the decisions on it so far; none while they are hidden from the reader."""

    item: ReviewItem
    decisions: Sequence[PastDecision]


@dataclass(frozen=True)
class ReviewQueue:
    """lease_seconds: how long a claim lasts. clock: None is the database's time, which all processes share."""

    database: Database
    lease_seconds: int
    clock: Clock | None = None

    async def list(
        self, caller: Principal, filters: ReviewFilters, after: ReviewCursor | None, limit: int
    ) -> Sequence[ReviewItem]:
        """Items that the caller may read, the earliest due first."""
        async with self.database.read(caller.tenant_id) as connection:
            at = await moment(connection, self.clock)
            return await repository.list_items(
                connection, filters, sorted(caller.groups), caller.name, after, limit, at
            )

    async def show(self, caller: Principal, item_id: UUID) -> ReviewDetail:
        """An item with its payload and its decisions. One of a blind pair looks untouched to everybody who has not
        claimed it. Errors: ReviewNotFound.
        """
        async with self.database.read(caller.tenant_id) as connection:
            at = await moment(connection, self.clock)
            found = await repository.find_visible(connection, item_id, sorted(caller.groups), caller.name, at)
            if found is None:
                raise ReviewNotFound(f"There is no review item {item_id}.")
            item, redacted = found
            return ReviewDetail(item, () if redacted else await repository.list_decisions(connection, item_id))

    async def claim(self, caller: Principal, item_id: UUID) -> ReviewItem:
        """Leases the item to this caller; its `fence` is the token that a decision needs.

        Errors: ReviewNotFound, ReviewClosed, ReviewAlreadyClaimed, SelfReview, ReviewEscalated, AlreadyReviewed,
        PairedReviewSeen.
        """
        async with self.database.transaction(caller.tenant_id) as connection:
            at = await moment(connection, self.clock)
            item = await find_item(connection, caller, item_id)
            await self._check_claim(connection, caller, item, at)
            claimed = await repository.claim(connection, item, caller.name, self._lease_end(at))
            if claimed is None:
                raise ReviewAlreadyClaimed("Another reviewer was faster.")
            return claimed

    async def _check_claim(
        self, connection: AsyncConnection, caller: Principal, item: ReviewItem, at: datetime
    ) -> None:
        pair = await repository.find_pair(connection, item)
        recorded = await repository.list_recorded(connection, item.subject_id)
        if pair and is_hidden(item, pair, caller.name):
            check_hidden_claim(item, pair, caller, recorded, at)
        check_open(item, at)
        if item.leased(at) and item.lease_by != caller.name:
            raise ReviewAlreadyClaimed(f"{item.lease_by} has claimed it until {item.lease_until:%H:%M:%S} UTC.")
        check_reviewer(item, caller, recorded)

    async def next(self, caller: Principal) -> ReviewItem | None:
        """Claims the earliest due item that this caller may review; None when there is none."""
        filters, cursor = ReviewFilters(free=True), None
        while page := await self.list(caller, filters, cursor, NEXT_BATCH):
            for item in page:
                with contextlib.suppress(Problem):
                    return await self.claim(caller, item.id)
            cursor = ReviewCursor(page[-1].due_at, page[-1].id)
        return None

    async def heartbeat(self, caller: Principal, item_id: UUID, fence: int) -> ReviewItem:
        """Extends the lease. Errors: ReviewNotFound, ReviewClosed, LeaseLost."""
        async with self.database.transaction(caller.tenant_id) as connection:
            at = await self._check_leased(connection, caller, item_id, fence)
            return await repository.change(connection, item_id, lease_until=self._lease_end(at))

    async def release(self, caller: Principal, item_id: UUID, fence: int) -> ReviewItem:
        """Ends the lease without a decision. Errors: ReviewNotFound, ReviewClosed, LeaseLost."""
        async with self.database.transaction(caller.tenant_id) as connection:
            await self._check_leased(connection, caller, item_id, fence)
            return await repository.change(connection, item_id, **repository.NO_LEASE)

    async def _check_leased(
        self, connection: AsyncConnection, caller: Principal, item_id: UUID, fence: int
    ) -> datetime:
        """The time at which the lease was found valid."""
        item = await find_item(connection, caller, item_id, lock=True)
        at = await moment(connection, self.clock)
        check_not_hidden(item, await repository.find_pair(connection, item), caller)
        check_open(item, at)
        check_lease(item, caller, fence, at)
        return at

    async def agreement(self, caller: Principal) -> Agreement:
        """How far reviewers agree on answers that two of them judged blindly."""
        async with self.database.read(caller.tenant_id) as connection:
            return agreement(await repository.list_paired_outcomes(connection))

    def _lease_end(self, at: datetime) -> datetime:
        return at + timedelta(seconds=self.lease_seconds)


async def find_item(connection: AsyncConnection, caller: Principal, item_id: UUID, lock: bool = False) -> ReviewItem:
    """Errors: ReviewNotFound, also for an item whose documents the caller may not read."""
    item = await repository.find(connection, item_id, sorted(caller.groups), lock)
    if item is None:
        raise ReviewNotFound(f"There is no review item {item_id}.")
    return item
