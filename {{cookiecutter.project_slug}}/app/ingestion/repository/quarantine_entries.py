"""Quarantine entries and the decisions on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.ids import new_id
from app.ingestion.domain.documents import QuarantineDecided
from app.ingestion.domain.quarantine_reasons import QuarantineReason
from app.ingestion.repository import versions
from app.safety.domain.text import Finding

_ADD = text(
    """
    insert into quarantine (id, tenant_id, document_id, version, reason, detail, duplicate_of, findings, created_at)
    values (:id, :tenant, :document, :version, :reason, :detail, :duplicate_of, cast(:findings as jsonb), :now)
    on conflict (tenant_id, document_id, version) where decision is null do nothing
    """
)
_DECIDE = text(
    """
    update quarantine set decision = :decision, decided_at = :now, decided_by = :by, note = :note
    where id = :id and decision is null returning document_id, version, reason
    """
)
# Another document may have come in with the same content meanwhile: a copy_of of its own permits that.
_RELEASE_VERSION = text(
    """
    update document_versions v set status = 'received', ended_at = null,
        released = array(select distinct r from unnest(v.released || cast(:reason as text)) r),
        copy_of = v.document_id || '/' || v.version
    from documents d
    where v.document_id = :document and v.version = :version and v.status = 'quarantined'
      and d.id = v.document_id and d.version = v.version and d.deleted_at is null
    returning v.version
    """
)
_DISCARD_VERSION = text(
    """
    update document_versions set status = 'discarded', ended_at = :now
    where document_id = :document and version = :version and status = 'quarantined'
    """
)
_TOUCH = text("update documents set updated_at = :now where id = :document")


@dataclass(frozen=True, slots=True)
class DecidedVersion:
    """The version that a decided entry is about. reason: the code for which it was quarantined."""

    document_id: UUID
    version: int
    reason: str


def findings_json(findings: Sequence[Finding]) -> str:
    return orjson.dumps([finding.as_dict() for finding in findings]).decode()


async def add(
    connection: AsyncConnection,
    tenant_id: UUID,
    document_id: UUID,
    version: int,
    reason: QuarantineReason,
    findings: Sequence[Finding],
    now: datetime,
) -> None:
    """Open an entry, unless the version has an open one."""
    values = {
        "id": new_id(),
        "tenant": tenant_id,
        "document": document_id,
        "version": version,
        "reason": reason.code,
        "detail": reason.detail,
        "duplicate_of": UUID(reason.duplicate_of) if reason.duplicate_of else None,
        "findings": findings_json(findings),
        "now": now,
    }
    await connection.execute(_ADD, values)


async def decide(
    connection: AsyncConnection, entry_id: UUID, decision: str, by: str, note: str, now: datetime
) -> DecidedVersion:
    """Close an open entry. Errors: QuarantineDecided."""
    values = {"id": entry_id, "decision": decision, "by": by, "note": note, "now": now}
    row = (await connection.execute(_DECIDE, values)).first()
    if row is None:
        raise QuarantineDecided(f"The entry {entry_id} has already been decided.")
    return DecidedVersion(row.document_id, row.version, row.reason)


async def release_version(connection: AsyncConnection, decided: DecidedVersion, now: datetime) -> bool:
    """Set the version to received again; False when there is a newer version, or the document was deleted."""
    values = {"document": decided.document_id, "version": decided.version, "reason": decided.reason}
    if (await connection.execute(_RELEASE_VERSION, values)).first() is None:
        return False
    await connection.execute(_TOUCH, {"document": decided.document_id, "now": now})
    return True


async def discard_version(connection: AsyncConnection, tenant_id: UUID, decided: DecidedVersion, now: datetime) -> None:
    """Discard the version and delete its bytes."""
    values = {"document": decided.document_id, "version": decided.version, "now": now}
    await connection.execute(_DISCARD_VERSION, values)
    await connection.execute(_TOUCH, {"document": decided.document_id, "now": now})
    await versions.delete_unused_blobs(connection, tenant_id, decided.document_id)
