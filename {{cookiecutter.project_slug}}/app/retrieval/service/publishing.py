from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import locks
from app.retrieval.domain import IndexRow, PreparedChunk, PreparedDocument, PublishRequest, StaleDocument
from app.retrieval.domain.indexes import MAINTAINED_STATUSES
from app.retrieval.repository import corpus
from app.retrieval.service.document_preparation import prepare
from app.retrieval.service.passage_embedding import PassageEmbeddings


async def publish(
    connection: AsyncConnection, documents: Sequence[PreparedDocument], passages: PassageEmbeddings
) -> int:
    tenant_id = documents[0].request.tenant_id
    document_ids = [each.request.document_id for each in documents]
    indexes, newest, stored = await corpus.lock_and_read(connection, tenant_id, document_ids)
    new = [each for each in documents if not _published(stored.get(each.request.document_id), each.request)]
    if not new:
        return newest
    writes = corpus.PublishWrites(tenant_id, newest + 1)
    writes.store(each.request for each in new)
    for index in indexes:
        if index.status in MAINTAINED_STATUSES:
            chunks = [(each.request, await _chunks_for(index, each, passages)) for each in new]
            writes.add(index, chunks)
            changes = [(request.groups, len(prepared)) for request, prepared in chunks]
            changes += await _replaced(connection, writes, index, [(r, stored.get(r.document_id)) for r, _ in chunks])
            writes.count(index.number, [request.document_id for request, _ in chunks], _merged(changes))
    await writes.send(connection)
    return writes.version


async def _chunks_for(
    index: IndexRow, document: PreparedDocument, passages: PassageEmbeddings
) -> Sequence[PreparedChunk]:
    """The prepared chunks; prepared now for an index that did not exist, or could not be served, at preparation."""
    if index.number not in document.by_index:
        document = await prepare([index], document.request, passages)
    return document.by_index.get(index.number) or ()


async def _replaced(
    connection: AsyncConnection,
    writes: corpus.PublishWrites,
    index: IndexRow,
    documents: Sequence[tuple[PublishRequest, corpus.StoredDocument | None]],
) -> list[tuple[list[str], int]]:
    """Remove the chunks of earlier versions; returns the changes of the number of chunks, by access groups."""
    changes = []
    for request, stored in documents:
        if stored:
            removed = await corpus.remove_chunks(
                connection, writes.tenant_id, request.document_id, writes.version, index.number
            )
            changes.append((list(stored.access_groups), -removed))
    return changes


def _published(stored: corpus.StoredDocument | None, request: PublishRequest) -> bool:
    """Whether this version is already published. Errors: StaleDocument."""
    if stored is None:
        return False
    if stored.version == request.document_version and not stored.withdrawn:
        return True
    if stored.version >= request.document_version:
        raise StaleDocument(
            f"Version {stored.version} of document {request.document_id} is "
            f"{'withdrawn' if stored.withdrawn else 'published'}; version {request.document_version} is too late."
        )
    return False


def _merged(changes: Sequence[tuple[Sequence[str], int]]) -> list[tuple[Sequence[str], int]]:
    sums: dict[tuple[str, ...], int] = {}
    for groups, change in changes:
        sums[tuple(groups)] = sums.get(tuple(groups), 0) + change
    return list(sums.items())


async def withdraw(connection: AsyncConnection, tenant_id: UUID, document_id: UUID) -> int:
    await locks.lock_shared(connection, locks.INDEXES)
    newest = await corpus.lock_corpus(connection, tenant_id)
    stored = await corpus.stored_document(connection, tenant_id, document_id)
    if stored is None or stored.withdrawn:
        return newest
    version = newest + 1
    await corpus.set_corpus_version(connection, tenant_id, version)
    for index, size in (await corpus.indexes_holding(connection, tenant_id, document_id)).items():
        if size:
            await corpus.remove_chunks(connection, tenant_id, document_id, version, index)
            changes = [(stored.access_groups, -size)]
            await corpus.update_statistics(connection, tenant_id, document_id, index, version, changes)
    await corpus.erase_document(connection, tenant_id, document_id)
    return version


async def set_access(
    connection: AsyncConnection, tenant_id: UUID, groups_by_document: Mapping[UUID, Sequence[str]]
) -> None:
    await locks.lock_shared(connection, locks.INDEXES)
    await corpus.lock_corpus(connection, tenant_id)
    stored = await corpus.stored_documents(connection, tenant_id, list(groups_by_document))
    documents_by_groups: dict[tuple[str, ...], list[UUID]] = {}
    for document_id, each in stored.items():
        new = tuple(sorted(set(groups_by_document[document_id])))
        if not each.withdrawn and tuple(each.access_groups) != new:
            documents_by_groups.setdefault(new, []).append(document_id)
    for groups, documents in documents_by_groups.items():
        counts = await corpus.current_chunks(connection, tenant_id, documents)
        await corpus.set_access_groups(connection, tenant_id, documents, groups)
        for index, old, size in counts:
            await corpus.update_reader_counts(connection, tenant_id, index, [(old, -size), (groups, size)])
