"""Attachments of a message: stored with its publication, replaced with its next version, deleted with it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.errors import Contended
from app.ingestion.domain.access_groups import common_access_groups
from app.ingestion.domain.access_lists import SharedDocument
from app.ingestion.domain.attachment_addresses import attached_files, is_below
from app.ingestion.domain.documents import (
    ContentKey,
    ExistingDocument,
    LiveDuplicate,
    ProcessingAttempt,
    Upload,
    UploadOptions,
)
from app.ingestion.domain.parsed_document import ParsedDocument
from app.ingestion.repository import attachment_queries, sharing_queries, versions
from app.ingestion.service.dependencies import ORIGINAL, UPLOADS, IngestionDependencies, enqueue_processing


async def store_attachments(
    deps: IngestionDependencies, connection: AsyncConnection, attempt: ProcessingAttempt, parsed: ParsedDocument
) -> None:
    """Store the attachments of a published message as documents with its source, access groups and metadata, and
    delete those of its earlier versions that it has no longer.

    Errors: Contended, when another transaction stores the same content.
    """
    if parsed.kind != "eml":
        return
    files = attached_files(parsed, attempt.uri)
    kept = [file.uri for file in files]
    for attached in await attachment_queries.find_attached(connection, attempt.tenant_id, attempt.document_id):
        if not is_below(attached.uri, kept):
            await delete_document(deps, connection, attempt.tenant_id, attached.id, attempt.received_by)
    if not files:
        return
    tenant_id, source, groups = attempt.tenant_id, attempt.source, tuple(attempt.access_groups)
    documents = await versions.lock_existing(connection, tenant_id, source, kept)
    live = await versions.find_live_content(connection, tenant_id, source, [file.digest for file in files])
    one_copy = deps.data.source(source).duplicates.exact == "quarantine"
    received: dict[UUID, int] = {}
    for file in files:
        existing = documents.get(file.uri)
        same = live.setdefault(ContentKey(file.digest, groups), [])
        unchanged = existing and any(each.document_id == existing.document_id and each.newest for each in same)
        if unchanged or (same and one_copy):
            continue
        stored = await _store(deps, connection, attempt, file, existing, copy=bool(same))
        received[stored.document_id] = stored.version
        same.append(LiveDuplicate(stored.document_id, stored.version, "received"))
    if received:
        await enqueue_processing(connection, tenant_id, received, bulk=True)


async def _store(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    attempt: ProcessingAttempt,
    file: Upload,
    existing: ExistingDocument | None,
    copy: bool,
) -> versions.StoredVersion:
    if existing:
        remaining = common_access_groups(existing.live_groups, attempt.access_groups)
        await restrict(deps, connection, attempt.tenant_id, existing.document_id, remaining)
    sealed = await deps.keys.seal(connection, attempt.tenant_id, ORIGINAL, file.data)
    options = UploadOptions(attempt.source, tuple(attempt.access_groups), _metadata(attempt))
    new = versions.NewVersion(
        attempt.tenant_id, options, file, sealed, "received", deps.clock.now(), attempt.received_by, copy
    )
    stored = await versions.store_upload(connection, new)
    if stored is None:
        raise Contended(retry_after=1)
    UPLOADS.labels("received").inc()
    return stored


def _metadata(attempt: ProcessingAttempt) -> Mapping[str, str]:
    return {name: value for name, value in attempt.metadata.items() if name != "title"} | {"attached_to": attempt.uri}


async def restrict(
    deps: IngestionDependencies, connection: AsyncConnection, tenant_id: UUID, document_id: UUID, groups: list[str]
) -> None:
    """Take the access to a published document from all but these groups."""
    await versions.set_access_groups(connection, document_id, groups, deps.clock.now())
    await deps.retrieval.set_access(connection, tenant_id, document_id, groups)


async def restrict_attachments(
    deps: IngestionDependencies, connection: AsyncConnection, tenant_id: UUID, document_id: UUID, groups: Sequence[str]
) -> None:
    """Take the access to the attachments of a message from all but these groups, also to those that are still
    processed or in quarantine.
    """
    restricted = []
    for each in await attachment_queries.find_attached(connection, tenant_id, document_id):
        own_groups = common_access_groups(each.live_groups, each.newest_groups)
        remaining = tuple(common_access_groups(own_groups, groups))
        restricted.append(SharedDocument(each.id, each.live_groups, each.newest_groups, remaining))
    if restricted:
        await sharing_queries.set_access_groups_of(connection, tenant_id, restricted, deps.clock.now())
        groups_by_document = {each.id: each.new_groups for each in restricted}
        await deps.retrieval.set_access_all(connection, tenant_id, groups_by_document)


async def delete_document(
    deps: IngestionDependencies, connection: AsyncConnection, tenant_id: UUID, document_id: UUID, by: str
) -> bool:
    """Delete a document with what came with it; False when there is none. No search finds it after the commit."""
    now = deps.clock.now()
    if not await versions.delete_document(connection, tenant_id, document_id, now, by):
        return False
    deleted = [document_id]
    # After the message itself, and until there are none: each deletion waits for a publication that stores attachments.
    while attached := await attachment_queries.find_attached(connection, tenant_id, document_id):
        for each in attached:
            await versions.delete_document(connection, tenant_id, each.id, now, by)
            deleted.append(each.id)
    for each_id in deleted:
        await deps.retrieval.withdraw(connection, tenant_id, each_id)
    return True
