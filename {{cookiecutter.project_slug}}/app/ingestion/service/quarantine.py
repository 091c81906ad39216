"""What a person does with a document that was held back."""

from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.identity.domain import Principal
from app.ingestion import repository as rows
from app.ingestion.domain.documents import DocumentSuperseded
from app.ingestion.service.dependencies import IngestionDependencies, enqueue_processing, sight


async def release(deps: IngestionDependencies, caller: Principal, entry: UUID, by: str, note: str) -> UUID:
    now = deps.clock.now()
    async with deps.database.transaction(caller.tenant_id) as connection:
        held = await rows.decide(connection, entry, sight(caller), "released", by, note, now)
        here = {"document": held["document_id"], "version": held["version"]}
        if await rows.first(connection, rows.RELEASE_VERSION, reason=held["reason"], **here) is None:
            raise DocumentSuperseded("A newer version of the document has come in, or it was deleted.")
        await rows.run(connection, rows.TOUCH, document=held["document_id"], now=now)
        await enqueue_processing(connection, caller.tenant_id, {held["document_id"]: held["version"]})
        await _record(deps, connection, caller, "quarantine.release", entry, held)
    released: UUID = held["document_id"]
    return released


async def discard(deps: IngestionDependencies, caller: Principal, entry: UUID, by: str, note: str) -> UUID:
    now = deps.clock.now()
    async with deps.database.transaction(caller.tenant_id) as connection:
        held = await rows.decide(connection, entry, sight(caller), "discarded", by, note, now)
        here = {"document": held["document_id"], "now": now}
        await rows.run(connection, rows.DISCARD_VERSION, version=held["version"], **here)
        await rows.run(connection, rows.TOUCH, **here)
        await rows.run(connection, rows.DROP_BLOBS, document=held["document_id"], tenant=caller.tenant_id)
        await _record(deps, connection, caller, "quarantine.discard", entry, held)
    discarded: UUID = held["document_id"]
    return discarded


async def _record(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    caller: Principal,
    action: str,
    entry: UUID,
    held: RowMapping,
) -> None:
    """Without the person's note, which may quote the document; the entry keeps it."""
    version = f"document {held['document_id']} version {held['version']}"
    subject = f"quarantine entry {entry}"
    act = Act(caller.name, action, subject, before=held["reason"], after=version, tenant_id=caller.tenant_id)
    await audit.record(connection, act, deps.clock.now())
