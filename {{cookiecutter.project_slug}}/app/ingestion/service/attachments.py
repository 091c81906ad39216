"""Attachments of messages: stored with the publication of their message, replaced with its next version, and as closed
as it is; deleted with it.

Every transaction locks in one order, so that no two of them wait for each other: the access list of the source, the
documents (a message before what came with it), their versions, the corpus of the tenant, the audit log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.errors import Contended
from app.ingestion.domain.access_groups import common_access_groups
from app.ingestion.domain.access_lists import SharedDocument
from app.ingestion.domain.attached_documents import AttachedDocument, groups_of_attachment
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
from app.ingestion.service.dependencies import (
    ORIGINAL,
    UPLOADS,
    IngestionDependencies,
    enqueue_processing,
    quarantine_duplicate,
)

PublishedMessage = tuple[ProcessingAttempt, ParsedDocument]


@dataclass(slots=True)
class AttachmentChanges:
    """What the index is told after the messages are published. restricted: the access groups that are left of published
    attachments which have a new version.
    """

    received: dict[UUID, int] = field(default_factory=dict)
    restricted: dict[UUID, list[str]] = field(default_factory=dict)
    deleted: list[UUID] = field(default_factory=list)


async def lock_messages(connection: AsyncConnection, tenant_id: UUID, messages: Sequence[PublishedMessage]) -> None:
    """Before their rows are locked: no access list changes while attachments are stored, which it would miss."""
    for source in sorted({attempt.source for attempt, _ in messages}):
        await sharing_queries.lock_source(connection, tenant_id, source, shared=True)
        await attachment_queries.lock_messages_of(connection, tenant_id, source)


async def store_attachments(
    deps: IngestionDependencies, connection: AsyncConnection, tenant_id: UUID, messages: Sequence[PublishedMessage]
) -> AttachmentChanges:
    """Store the attachments of messages that are being published as documents with their source, access groups and
    metadata, and delete those of earlier versions that they have no longer.

    The caller holds the locks of `lock_messages` and of the messages, has published nothing yet, and ends with
    `apply_changes`.

    Errors: Contended, when another transaction stores the same content.
    """
    changes = AttachmentChanges()
    if not messages:
        return changes
    attached = await attachment_queries.find_attached(connection, tenant_id, [a.document_id for a, _ in messages])
    stored = _Attachments(deps, connection, tenant_id, changes)
    for source in sorted({attempt.source for attempt, _ in messages}):
        files = []
        # Outer messages first: one that they have no longer is deleted, and stores nothing.
        for attempt, parsed in sorted(messages, key=lambda message: len(message[0].uri)):
            if attempt.source == source and attempt.document_id not in changes.deleted:
                earlier = [each for each in attached if each.message == attempt.document_id]
                files += await stored.replace(attempt, attached_files(parsed, attempt.uri), earlier)
        await stored.store(source, files)
    return changes


async def apply_changes(
    deps: IngestionDependencies, connection: AsyncConnection, tenant_id: UUID, changes: AttachmentChanges
) -> None:
    """Tell the index about them, and have the stored attachments processed."""
    if changes.restricted:
        await deps.retrieval.set_access_all(connection, tenant_id, changes.restricted)
    for document_id in changes.deleted:
        await deps.retrieval.withdraw(connection, tenant_id, document_id)
    if changes.received:
        await enqueue_processing(connection, tenant_id, changes.received, bulk=True)


@dataclass(frozen=True, slots=True)
class _File:
    attempt: ProcessingAttempt
    file: Upload
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Attachments:
    deps: IngestionDependencies
    connection: AsyncConnection
    tenant_id: UUID
    changes: AttachmentChanges

    async def replace(
        self, attempt: ProcessingAttempt, files: Sequence[Upload], earlier: Sequence[AttachedDocument]
    ) -> list[_File]:
        """Delete what the message has no longer. Returns its files with their access groups."""
        kept, now = [file.uri for file in files], self.deps.clock.now()
        removed = [each.id for each in earlier if not is_below(each.uri, kept)]
        for document_id in removed:
            await versions.delete_document(self.connection, self.tenant_id, document_id, now, attempt.received_by)
        self.changes.deleted += removed
        groups = tuple(attempt.access_groups)
        return [_File(attempt, file, groups_of_attachment(file, groups, earlier, removed)) for file in files]

    async def store(self, source: str, files: Sequence[_File]) -> None:
        """In the order of an upload, which stores the same content by its digest too."""
        digests = [each.file.digest for each in files]
        addresses = [each.file.uri for each in files]
        documents = await versions.lock_existing(self.connection, self.tenant_id, source, addresses) if files else {}
        live = await versions.find_live_content(self.connection, self.tenant_id, source, digests) if files else {}
        one_copy = self.deps.data.source(source).duplicates.exact == "quarantine"
        for each in sorted(files, key=lambda each: each.file.digest):
            existing = documents.get(each.file.uri)
            same = live.setdefault(ContentKey(each.file.digest, each.groups), [])
            own_id = existing.document_id if existing else None
            if any(other.document_id == own_id and other.newest for other in same):
                continue
            original = next((other for other in same if other.document_id != own_id), None) if one_copy else None
            stored = await self._store(each, existing, original, copy=bool(same))
            if original is None:
                self.changes.received[stored.document_id] = stored.version
                same.append(LiveDuplicate(stored.document_id, stored.version, "received"))

    async def _store(
        self, each: _File, existing: ExistingDocument | None, original: LiveDuplicate | None, copy: bool
    ) -> versions.StoredVersion:
        if existing:
            remaining = common_access_groups(existing.live_groups, each.groups)
            now = self.deps.clock.now()
            await versions.set_access_groups(self.connection, existing.document_id, remaining, now)
            self.changes.restricted[existing.document_id] = remaining
        attempt, now, status = each.attempt, self.deps.clock.now(), "quarantined" if original else "received"
        sealed = await self.deps.keys.seal(self.connection, self.tenant_id, ORIGINAL, each.file.data)
        options = UploadOptions(attempt.source, each.groups, _metadata(attempt))
        new = versions.NewVersion(self.tenant_id, options, each.file, sealed, status, now, attempt.received_by, copy)
        stored = await versions.store_upload(self.connection, new)
        if stored is None:
            raise Contended(retry_after=1)
        if original:
            await quarantine_duplicate(self.connection, self.tenant_id, stored, original, now)
        UPLOADS.labels(status).inc()
        return stored


def _metadata(attempt: ProcessingAttempt) -> Mapping[str, str]:
    return {name: value for name, value in attempt.metadata.items() if name != "title"} | {"attached_to": attempt.uri}


async def restrict(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    tenant_id: UUID,
    documents: Sequence[tuple[ExistingDocument, Sequence[str]]],
) -> None:
    """Take the access to published documents and their attachments from all but these groups; to the attachments also
    where they are still processed or in quarantine.
    """
    now, groups_by_id = deps.clock.now(), {existing.document_id: groups for existing, groups in documents}
    remaining: dict[UUID, Sequence[str]] = {}
    for existing, groups in documents:
        remaining[existing.document_id] = common_access_groups(existing.live_groups, groups)
        await versions.set_access_groups(connection, existing.document_id, remaining[existing.document_id], now)
    attached: dict[UUID, SharedDocument] = {}
    for each in await attachment_queries.find_attached(connection, tenant_id, list(remaining)):
        groups = attached[each.id].new_groups if each.id in attached else each.own_groups
        new_groups = tuple(common_access_groups(groups, groups_by_id[each.message]))
        attached[each.id] = SharedDocument(each.id, each.live_groups, each.newest_groups, new_groups)
    if attached:
        await sharing_queries.set_access_groups_of(connection, tenant_id, list(attached.values()), now)
    remaining |= {document_id: each.new_groups for document_id, each in attached.items()}
    await deps.retrieval.set_access_all(connection, tenant_id, remaining)


async def delete_document(
    deps: IngestionDependencies, connection: AsyncConnection, tenant_id: UUID, document_id: UUID, by: str
) -> bool:
    """Delete a document with what came with it; False when there is none. No search finds it after the commit."""
    now = deps.clock.now()
    # The message first: this waits for a publication that stores its attachments.
    if not await versions.delete_document(connection, tenant_id, document_id, now, by):
        return False
    deleted = [document_id]
    for each in await attachment_queries.find_attached(connection, tenant_id, [document_id]):
        await versions.delete_document(connection, tenant_id, each.id, now, by)
        deleted.append(each.id)
    for each_id in deleted:
        await deps.retrieval.withdraw(connection, tenant_id, each_id)
    return True
