from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.monitoring.domain.error_budget import BudgetException, EventCount
from app.monitoring.tables import error_budget_exceptions

_COUNTS = text("select objective, bad, events from error_budget_events(:since, :until, :late_ms)")


async def count_events(
    connection: AsyncConnection, since: datetime, until: datetime, late_ms: int
) -> dict[str, EventCount]:
    """Good and bad events of production, of all tenants, by objective. late_ms: what an answer may take."""
    rows = await connection.execute(_COUNTS, {"since": since, "until": until, "late_ms": float(late_ms)})
    return {row.objective: EventCount(int(row.bad), int(row.events)) for row in rows}


async def add_exception(connection: AsyncConnection, exception: BudgetException) -> None:
    await connection.execute(insert(error_budget_exceptions).values(**asdict(exception)))


async def exceptions_of(connection: AsyncConnection, release_id: str) -> Sequence[BudgetException]:
    """The oldest first."""
    row = error_budget_exceptions.c
    query = select(error_budget_exceptions).where(row.release_id == release_id).order_by(row.at, row.id)
    return [BudgetException(**each._mapping) for each in await connection.execute(query)]
