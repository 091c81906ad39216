from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import locks
from app.retrieval.domain import EmbedderMismatch, IndexRow, PreparedChunk, PreparedDocument, PublishRequest
from app.retrieval.domain import StaleDocument as Stale
from app.retrieval.domain.indexes import MAINTAINED_STATUSES
from app.retrieval.repository import corpus
from app.retrieval.service.passage_embedding import PassageEmbeddings
from app.retrieval.service.query_embedding import prepare_for

log = structlog.get_logger(__name__)


async def prepare(kept: Sequence[IndexRow], request: PublishRequest, passages: PassageEmbeddings) -> PreparedDocument:
    by_index: dict[int, Sequence[PreparedChunk]] = {}
    tokens: dict[str, int] = {}
    done: dict[object, Sequence[PreparedChunk]] = {}
    for index in kept:
        same = (index.fingerprint.embedder, index.fingerprint.chunker, index.fingerprint.params)
        if same not in done:
            try:
                chunks, uncharged = await prepare_for(index, request, passages)
            except EmbedderMismatch as problem:
                if index.status == "live":
                    raise
                log.warning("index_falls_behind", index=index.number, why=problem.code)
                continue
            done[same] = chunks
            if uncharged is not None:
                model = passages.embedders[index.fingerprint.embedder].model
                tokens[model] = tokens.get(model, 0) + uncharged
        by_index[index.number] = done[same]
    return PreparedDocument(request, by_index, tokens)


async def publish(
    connection: AsyncConnection, documents: Sequence[PreparedDocument], passages: PassageEmbeddings
) -> int:
    tenant_id = documents[0].request.tenant_id
    every, newest, known = await corpus.begin(connection, tenant_id, [d.request.document_id for d in documents])
    new = [each for each in documents if not _published(known.get(each.request.document_id), each.request)]
    if not new:
        return newest
    writes = corpus.Writes(tenant_id, newest + 1)
    writes.store(each.request for each in new)
    for index in every:
        if index.status in MAINTAINED_STATUSES:
            chunks = [(each.request, await _chunks_for(index, each, passages)) for each in new]
            writes.add(index, chunks)
            changes = [(request.groups, len(found)) for request, found in chunks]
            changes += await _replaced(connection, writes, index, [(r, known.get(r.document_id)) for r, _ in chunks])
            writes.count(index.number, [request.document_id for request, _ in chunks], _merged(changes))
    await writes.send(connection)
    return writes.version


async def _chunks_for(
    index: IndexRow, document: PreparedDocument, passages: PassageEmbeddings
) -> Sequence[PreparedChunk]:
    """The chunks as prepared; made now for an index that was not there, or could not be served, at that moment."""
    if index.number not in document.by_index:
        document = await prepare([index], document.request, passages)
    return document.by_index.get(index.number) or ()


async def _replaced(
    connection: AsyncConnection,
    writes: corpus.Writes,
    index: IndexRow,
    documents: Sequence[tuple[PublishRequest, corpus.StoredDocument | None]],
) -> list[tuple[list[str], int]]:
    """Ends the chunks of the versions before; how many fewer there are, by readers."""
    changes = []
    for request, stored in documents:
        if stored:
            removed = await corpus.remove_chunks(
                connection, writes.tenant_id, request.document_id, writes.version, index.number
            )
            changes.append((list(stored.access_groups), -removed))
    return changes


def _published(stored: corpus.StoredDocument | None, request: PublishRequest) -> bool:
    """True when this very version is already there. Errors: StaleDocument."""
    if stored is None:
        return False
    if stored.version == request.document_version and not stored.withdrawn:
        return True
    if stored.version >= request.document_version:
        raise Stale(
            f"Version {stored.version} of document {request.document_id} is "
            f"{'withdrawn' if stored.withdrawn else 'there'}; version {request.document_version} comes too late."
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
    await corpus.grow_corpus(connection, tenant_id, version)
    for index, held in (await corpus.indexes_holding(connection, tenant_id, document_id)).items():
        if held:
            await corpus.remove_chunks(connection, tenant_id, document_id, version, index)
            changes = [(stored.access_groups, -held)]
            await corpus.count(connection, tenant_id, document_id, index, version, changes)
    await corpus.erase_document(connection, tenant_id, document_id)
    return version


async def set_access(connection: AsyncConnection, tenant_id: UUID, document_id: UUID, groups: Sequence[str]) -> None:
    new = sorted(set(groups))
    await locks.lock_shared(connection, locks.INDEXES)
    await corpus.lock_corpus(connection, tenant_id)
    stored = await corpus.stored_document(connection, tenant_id, document_id)
    if stored is None or stored.withdrawn or stored.access_groups == new:
        return
    await corpus.regroup(connection, tenant_id, document_id, new)
    for index, held in (await corpus.indexes_holding(connection, tenant_id, document_id)).items():
        changes = [(stored.access_groups, -held), (new, held)]
        await corpus.count_readers(connection, tenant_id, index, changes)
