"""What is older than it may be."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_HELD = """
    not exists (select from legal_holds h where h.lifted_at is null and h.tenant_id = :tenant
                and (h.kind = 'tenant' or h.subject_id in ({subjects})))
"""
_ANSWERS = text(
    f"""
    select id from answers where tenant_id = :tenant and created_at < :before and question <> ''
      and {_HELD.format(subjects="answers.id, answers.key_id")} order by created_at limit :limit
    """  # noqa: S608
)
_QUARANTINED = text(
    f"""
    select id from quarantine where tenant_id = :tenant and created_at < :before and decision is null
      and {_HELD.format(subjects="quarantine.document_id")} order by created_at limit :limit
    """  # noqa: S608
)
_DELETED = text(
    f"""
    select id from documents where tenant_id = :tenant and deleted_at < :before and uri <> 'erased:' || id
      and {_HELD.format(subjects="documents.id")} order by deleted_at limit :limit
    """  # noqa: S608
)
_TICKETS = text(
    f"""
    select id from tickets where tenant_id = :tenant and created_at < :before and status = 'closed'
      and title <> 'erased' and {_HELD.format(subjects="null::uuid")} order by created_at limit :limit
    """  # noqa: S608
)
_RESULTS = text("delete from evaluation_results where tenant_id = :tenant and at < :before")
_JOBS = text(
    """
    delete from procrastinate_jobs j where args->>'tenant_id' = cast(cast(:tenant as uuid) as text)
      and status in ('failed', 'cancelled', 'aborted')
      and (select max(e.at) from procrastinate_events e where e.job_id = j.id) < :before
    """
)
AGED = {"answers": _ANSWERS, "quarantined_files": _QUARANTINED, "deleted_documents": _DELETED, "tickets": _TICKETS}
DELETED = {"evaluation_results": _RESULTS, "failed_jobs": _JOBS}


async def find(connection: AsyncConnection, kind: str, tenant_id: UUID, before: datetime, limit: int) -> list[UUID]:
    """Ids of what is older and not under a legal hold, the oldest first. kind: one of AGED."""
    values = {"tenant": tenant_id, "before": before, "limit": limit}
    return list((await connection.execute(AGED[kind], values)).scalars())


async def delete(connection: AsyncConnection, kind: str, tenant_id: UUID, before: datetime) -> int:
    """kind: one of DELETED."""
    return (await connection.execute(DELETED[kind], {"tenant": tenant_id, "before": before})).rowcount
