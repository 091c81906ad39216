from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.monitoring.domain.online_scores import LiveAnswer, QuotedPassage, ScoredAnswer
from app.monitoring.tables import online_evaluations

_UNDECIDED = text(
    """
    select a.id, a.created_at, coalesce(a.body->>'searched_for', a.question) as question, a.status, a.arm,
        a.body->>'text' as text,
        coalesce((a.body->>'degraded')::boolean, false) as degraded, a.body->'citations' as citations
    from answers a
    where a.tenant_id = :tenant and a.environment = 'production' and a.created_at >= :since and a.created_at < :until
      and coalesce(a.body->>'finish_reason', '') <> 'tool_calls'
      and not exists (select from online_evaluations o where o.tenant_id = a.tenant_id and o.answer_id = a.id)
      and not exists (select from reviewed_answers r where r.answer_id = a.id and r.state <> 'delivered')
    order by a.created_at, a.id limit :limit
    """
)
_COLUMNS = tuple(each.name for each in fields(ScoredAnswer))


async def list_undecided(
    connection: AsyncConnection, tenant_id: UUID, since: datetime, until: datetime, limit: int
) -> Sequence[LiveAnswer]:
    """Delivered answers of production of this time that nobody decided on, the oldest first."""
    parameters = {"tenant": tenant_id, "since": since, "until": until, "limit": limit}
    return [_answer(row) for row in await connection.execute(_UNDECIDED, parameters)]


async def count_scored(connection: AsyncConnection, tenant_id: UUID, since: datetime) -> int:
    row = online_evaluations.c
    query = select(func.count()).where(row.tenant_id == tenant_id, row.at >= since, row.decision == "scored")
    return int(await connection.scalar(query) or 0)


async def add_scored(connection: AsyncConnection, tenant_id: UUID, scored: Sequence[ScoredAnswer]) -> frozenset[UUID]:
    """The answers that were added; not those that another worker was faster with."""
    rows = [{"tenant_id": tenant_id, **asdict(each)} for each in scored]
    new = insert(online_evaluations).values(rows).on_conflict_do_nothing(index_elements=["tenant_id", "answer_id"])
    return frozenset((await connection.execute(new.returning(online_evaluations.c.answer_id))).scalars())


async def list_scored(connection: AsyncConnection, tenant_id: UUID, since: datetime) -> Sequence[ScoredAnswer]:
    """Answers since a moment that were scored."""
    row = online_evaluations.c
    query = select(*(row[name] for name in _COLUMNS)).where(
        row.tenant_id == tenant_id, row.answered_at >= since, row.decision == "scored"
    )
    return [ScoredAnswer(*each) for each in await connection.execute(query)]


def _answer(row: Any) -> LiveAnswer:
    quotes = tuple(
        QuotedPassage(each["quote"], each["uri"], each["title"], tuple(each["headings"]))
        for each in row.citations or ()
    )
    first = (row.id, row.created_at, row.question, row.status, row.text or "", row.arm, row.degraded)
    return LiveAnswer(*first, quotes)
