"""When each kind of check began last, so that of several workers one does it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_CLAIM = text(
    """
    insert into monitoring_runs (tenant_id, kind, started_at) values (:tenant, :kind, :now)
    on conflict (tenant_id, kind) do update set started_at = excluded.started_at
    where monitoring_runs.started_at <= :due returning started_at
    """
)


async def claim(connection: AsyncConnection, tenant: UUID, kind: str, now: datetime, due: datetime) -> bool:
    """Whether the run is the caller's: none began after `due`."""
    values = {"tenant": tenant, "kind": kind, "now": now, "due": due}
    return (await connection.execute(_CLAIM, values)).first() is not None
