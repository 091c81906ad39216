"""Decisions on quarantined versions: release or discard."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.identity.domain import Principal
from app.ingestion.domain.documents import DocumentSuperseded, QuarantineNotFound
from app.ingestion.domain.views import QuarantineEntry
from app.ingestion.repository import quarantine_entries, reading, versions
from app.ingestion.repository.quarantine_entries import DecidedVersion
from app.ingestion.service.dependencies import IngestionDependencies, enqueue_processing, uploader, visibility_of


async def find_entry(connection: AsyncConnection, caller: Principal, entry_id: UUID) -> QuarantineEntry:
    """Errors: QuarantineNotFound, also for what the caller may not read."""
    entry = await reading.get_entry(connection, entry_id, visibility_of(caller))
    if entry is None:
        raise QuarantineNotFound(f"There is no quarantine entry {entry_id}.")
    return entry


async def release(deps: IngestionDependencies, caller: Principal, entry_id: UUID, note: str) -> UUID:
    async with deps.database.transaction(caller.tenant_id) as connection:
        decided = await _decide(deps, connection, caller, entry_id, "released", note)
        if not await quarantine_entries.release_version(connection, decided, deps.clock.now()):
            raise DocumentSuperseded("A newer version of the document has come in, or it was deleted.")
        await enqueue_processing(connection, caller.tenant_id, {decided.document_id: decided.version})
        await _audit(deps, connection, caller, "quarantine.release", entry_id, decided)
    return decided.document_id


async def discard(deps: IngestionDependencies, caller: Principal, entry_id: UUID, note: str) -> UUID:
    async with deps.database.transaction(caller.tenant_id) as connection:
        decided = await _decide(deps, connection, caller, entry_id, "discarded", note)
        await quarantine_entries.discard_version(connection, caller.tenant_id, decided, deps.clock.now())
        await _audit(deps, connection, caller, "quarantine.discard", entry_id, decided)
    return decided.document_id


async def _decide(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    caller: Principal,
    entry_id: UUID,
    decision: str,
    note: str,
) -> DecidedVersion:
    entry = await find_entry(connection, caller, entry_id)
    await versions.lock_document(connection, entry.document_id)
    return await quarantine_entries.decide(connection, entry_id, decision, uploader(caller), note, deps.clock.now())


async def _audit(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    caller: Principal,
    action: str,
    entry_id: UUID,
    decided: DecidedVersion,
) -> None:
    """Record the decision without its note, which may quote the document; the note is stored in the entry."""
    version = f"document {decided.document_id} version {decided.version}"
    subject = f"quarantine entry {entry_id}"
    act = Act(caller.name, action, subject, before=decided.reason, after=version, tenant_id=caller.tenant_id)
    await audit.record(connection, act, deps.clock.now())
