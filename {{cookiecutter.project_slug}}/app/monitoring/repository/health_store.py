from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.ids import new_id
from app.monitoring.domain.data_health.health_signal import HealthSignal
from app.monitoring.repository import runs
from app.monitoring.tables import data_health_signals

_COLUMNS = tuple(data_health_signals.c[name] for name in HealthSignal.__dataclass_fields__)


async def replace_signals(
    connection: AsyncConnection, tenant: UUID, signals: Sequence[HealthSignal], at: datetime
) -> None:
    """Stores the signals of a check that ended, in place of those of the check before."""
    await connection.execute(delete(data_health_signals).where(data_health_signals.c.tenant_id == tenant))
    rows = [{"tenant_id": tenant, "id": new_id(), **asdict(each), "examples": list(each.examples)} for each in signals]
    if rows:
        await connection.execute(insert(data_health_signals).values(rows))
    await runs.finish(connection, tenant, "health", at)


async def list_signals(connection: AsyncConnection, tenant: UUID) -> list[HealthSignal]:
    """Of the newest check, the unhealthy ones first."""
    row = data_health_signals.c
    query = (
        select(*_COLUMNS).where(row.tenant_id == tenant).order_by(row.unhealthy.desc(), row.signal, row.subject, row.id)
    )
    return [
        HealthSignal(signal, subject, value, usual, unhealthy, tuple(examples))
        for signal, subject, value, usual, unhealthy, examples in await connection.execute(query)
    ]
