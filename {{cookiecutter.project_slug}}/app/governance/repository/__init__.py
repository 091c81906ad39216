from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.governance.domain.approval_rules import Approval, Emergency, EmergencyReview
from app.governance.tables import approvals, break_glass_reviews

GIVEN = approvals.c
REVIEWS = break_glass_reviews.c

# Read only through a function that runs as the owner; docs/decisions says why.
OWNER_READS = ["chunk_terms", "chunk_vectors"]
_BYPASSES = text("select rolsuper or rolbypassrls from pg_roles where rolname = current_user")


async def add(connection: AsyncConnection, approval: Approval) -> None:
    await connection.execute(insert(approvals).values(asdict(approval)))


async def approvals_of(connection: AsyncConnection, release_id: str) -> list[Approval]:
    """Every approval of a release, oldest first."""
    query = select(approvals).where(GIVEN.release_id == release_id).order_by(GIVEN.at, GIVEN.id)
    return [Approval(*row) for row in await connection.execute(query)]


async def emergencies(connection: AsyncConnection, review_within: timedelta, limit: int) -> Sequence[Emergency]:
    """Emergencies without a review first, then the newest first."""
    newest = _emergencies().order_by(REVIEWS.approval_id.is_not(None), GIVEN.at.desc()).limit(limit)
    return [_emergency(row, review_within) for row in await connection.execute(newest)]


async def emergency(connection: AsyncConnection, approval_id: UUID, review_within: timedelta) -> Emergency | None:
    row = (await connection.execute(_emergencies().where(GIVEN.id == approval_id))).one_or_none()
    return _emergency(row, review_within) if row else None


def _emergencies() -> Select[tuple[Any, ...]]:
    reviewed = approvals.outerjoin(break_glass_reviews, GIVEN.id == REVIEWS.approval_id)
    columns = (*approvals.c, REVIEWS.reviewer, REVIEWS.at.label("reviewed_at"), REVIEWS.reason.label("review_reason"))
    return select(*columns).select_from(reviewed).where(GIVEN.kind == "break_glass")


def _emergency(row: Row[Any], review_within: timedelta) -> Emergency:
    approval = Approval(*row[: len(approvals.c)])
    review = EmergencyReview(approval.id, row.reviewer, row.reviewed_at, row.review_reason) if row.reviewer else None
    return Emergency(approval, approval.at + review_within, review)


async def add_review(connection: AsyncConnection, review: EmergencyReview) -> None:
    await connection.execute(insert(break_glass_reviews).values(asdict(review)))


async def bypasses(connection: AsyncConnection) -> bool:
    """Whether the service's own role bypasses row-level security."""
    return bool(await connection.scalar(_BYPASSES))
