"""What a person does with a document that was held back."""

from uuid import UUID

from app.ingestion import repository as rows
from app.ingestion.domain.documents import Superseded
from app.ingestion.service.parts import Parts, enqueue_processing


async def release(parts: Parts, tenant_id: UUID, entry: UUID, by: str, note: str) -> UUID:
    now = parts.clock.now()
    async with parts.database.transaction(tenant_id) as connection:
        held = await rows.decide(connection, entry, "released", by, note, now)
        here = {"document": held["document_id"], "version": held["version"]}
        if await rows.first(connection, rows.RELEASE_VERSION, reason=held["reason"], **here) is None:
            raise Superseded("A newer version of the document has come in, or it was deleted.")
        await rows.run(connection, rows.TOUCH, document=held["document_id"], now=now)
        await enqueue_processing(connection, tenant_id, {held["document_id"]: held["version"]})
    released: UUID = held["document_id"]
    return released


async def discard(parts: Parts, tenant_id: UUID, entry: UUID, by: str, note: str) -> UUID:
    now = parts.clock.now()
    async with parts.database.transaction(tenant_id) as connection:
        held = await rows.decide(connection, entry, "discarded", by, note, now)
        here = {"document": held["document_id"], "now": now}
        await rows.run(connection, rows.DISCARD_VERSION, version=held["version"], **here)
        await rows.run(connection, rows.TOUCH, **here)
        await rows.run(connection, rows.DROP_BLOBS, document=held["document_id"], tenant=tenant_id)
    discarded: UUID = held["document_id"]
    return discarded
