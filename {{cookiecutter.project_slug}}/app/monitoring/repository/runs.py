"""When each kind of check began last, so that of several workers one does it, and when it ended last."""

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
_FINISH = text(
    """
    insert into monitoring_runs (tenant_id, kind, started_at, finished_at) values (:tenant, :kind, :now, :now)
    on conflict (tenant_id, kind) do update set finished_at = excluded.finished_at
    """
)
_FINISHED = text("select finished_at from monitoring_runs where tenant_id = :tenant and kind = :kind")


async def claim(connection: AsyncConnection, tenant: UUID, kind: str, now: datetime, due: datetime) -> bool:
    """Whether the run is the caller's: none began after `due`."""
    values = {"tenant": tenant, "kind": kind, "now": now, "due": due}
    return (await connection.execute(_CLAIM, values)).first() is not None


async def finish(connection: AsyncConnection, tenant: UUID, kind: str, now: datetime) -> None:
    """Records that a run ended and its results are stored."""
    await connection.execute(_FINISH, {"tenant": tenant, "kind": kind, "now": now})


async def last_finished(connection: AsyncConnection, tenant: UUID, kind: str) -> datetime | None:
    """When a run ended last; None before the first."""
    at: datetime | None = (await connection.execute(_FINISHED, {"tenant": tenant, "kind": kind})).scalar()
    return at
