"""Builds an index beside the live one and verifies it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.database import Database
from app.costs.domain import Usage
from app.costs.service import Costs
from app.retrieval.domain import Fingerprint, IndexNotReady, IndexRow, SearchParams, VerificationFailed
from app.retrieval.domain.chunking import Chunk
from app.retrieval.domain.documents import indexed_text
from app.retrieval.ports import Embedder
from app.retrieval.repository import corpus, index_catalogue, search_queries
from app.retrieval.service.document_preparation import prepare_for
from app.retrieval.service.index_registry import SERVICE_ACTOR, IndexRegistry, check_text_search, find_index
from app.retrieval.service.passage_embedding import PassageEmbeddings

SAMPLE_SIZE = 20
"""Number of chunks of each tenant for the verification of a new index."""
MIN_FOUND_SHARE = 0.9

BuildProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class IndexBuilder:
    database: Database
    clock: Clock
    embedders: Mapping[str, Embedder]
    registry: IndexRegistry
    params: SearchParams
    costs: Costs
    passages: PassageEmbeddings

    async def build(
        self, fingerprint: Fingerprint, progress: BuildProgress, resume: int | None = None, actor: str = SERVICE_ACTOR
    ) -> IndexRow:
        """Builds an index from the stored documents, or continues a build with the same fingerprint. Returns it ready.

        resume: bring this index up to date instead. progress(done, total): called after each document.
        Errors: VerificationFailed, EmbeddingFailed, EmbedderMismatch; the live index does not change.
        """
        index = await (self._create(fingerprint) if resume is None else self._reopen(resume))
        index.check_embedder(self.embedders)
        done, before = 0, None
        # Documents may be published meanwhile: repeat until a round finds no new ones.
        while (missing := await self._missing(index)) and missing != before:
            total, before = done + len(missing), missing
            for tenant_id, document_id in missing:
                await self._index_document(index, tenant_id, document_id)
                done += 1
                progress(done, total)
        await self._verify(index)
        async with self.database.transaction(None) as connection:
            await index_catalogue.lock_indexes(connection)
            await self.registry.check_complete(connection, index)
            await index_catalogue.set_ready(connection, index.number, self.clock.now())
            await self.registry.announce(connection, index.number)
            await self.registry.record(connection, actor, "index.build", index, index.status, "ready")
        await self.registry.reload()
        return self.registry.by_number(index.number)

    async def _create(self, fingerprint: Fingerprint) -> IndexRow:
        async with self.database.transaction(None) as connection:
            rows = await index_catalogue.lock_indexes(connection)
            started = [i for i in rows if i.status == "building" and i.fingerprint == fingerprint]
            await check_text_search(connection, fingerprint)
            index = started[-1] if started else None
            if index is None:
                index = await index_catalogue.add_index(connection, fingerprint, "building", self.clock.now())
            await self.registry.announce(connection, index.number)
        return index

    async def _reopen(self, number: int) -> IndexRow:
        async with self.database.transaction(None) as connection:
            index = find_index(await index_catalogue.lock_indexes(connection), number)
            if index.status == "live":
                raise IndexNotReady(f"Index {number} is live.", action="It is kept up to date by every publish.")
            await index_catalogue.set_status(connection, number, "building")
            await self.registry.announce(connection, number)
        return index

    async def _missing(self, index: IndexRow) -> list[tuple[UUID, UUID]]:
        missing = []
        for tenant_id in await self.registry.tenants():
            async with self.database.read(tenant_id) as connection:
                missing += [
                    (tenant_id, each) for each in await index_catalogue.behind(connection, tenant_id, index.number)
                ]
        return missing

    async def _index_document(self, index: IndexRow, tenant_id: UUID, document_id: UUID) -> None:
        """Add a document, unless it has changed since it was read: then its publish has added it."""
        async with self.database.read(tenant_id) as connection:
            request = await index_catalogue.load_document(connection, tenant_id, document_id)
        if request is None:
            return
        chunks, uncharged = await prepare_for(index, request, self.passages)
        async with self.database.transaction(tenant_id) as connection:
            await self._charge(connection, tenant_id, index, uncharged, document_id)
            version = await corpus.lock_corpus(connection, tenant_id)
            stored = await corpus.stored_document(connection, tenant_id, document_id)
            if stored is None or stored.withdrawn or stored.version != request.document_version:
                return
            if await index_catalogue.holds(connection, index.number, request):
                return
            removed = await corpus.remove_chunks(connection, tenant_id, document_id, version, index.number)
            current = replace(request, access_groups=stored.access_groups)
            await corpus.add_chunks(connection, index, current, chunks, version)
            changes = [(stored.access_groups, len(chunks) - removed)]
            await corpus.update_statistics(connection, tenant_id, document_id, index.number, version, changes)

    async def _charge(
        self, connection: AsyncConnection, tenant_id: UUID, index: IndexRow, tokens: int | None, subject_id: UUID
    ) -> None:
        """Charged even when the vectors are not used. tokens: None when already charged, or when there were none."""
        if tokens is not None:
            model = self.embedders[index.fingerprint.embedder].model
            row = self.costs.row(tenant_id, "embedding_document", model, Usage(tokens), subject_id=subject_id)
            await self.costs.record(connection, [row])

    async def _verify(self, index: IndexRow) -> None:
        """A search for the text of a chunk must find that chunk. Errors: VerificationFailed."""
        searched = found = 0
        for tenant_id in await self.registry.tenants():
            async with self.database.read(tenant_id) as connection:
                sample = await index_catalogue.sample(connection, tenant_id, index.number, SAMPLE_SIZE)
            for row in sample:
                searched += 1
                found += await self._is_found(index, tenant_id, row.id, Chunk(0, row.text, tuple(row.headings), 0, 0))
        if found < MIN_FOUND_SHARE * searched:
            raise VerificationFailed(f"Index {index.number} found {found} of {searched} chunks by their own text.")

    async def _is_found(self, index: IndexRow, tenant_id: UUID, chunk_id: UUID, chunk: Chunk) -> bool:
        text, vector = indexed_text(chunk), None
        if index.dense:
            embedded, charged = await self.passages.embed(index.fingerprint.embedder, [text], tenant_id, chunk_id)
            vector = embedded.vectors[0]
            async with self.database.transaction(tenant_id) as connection:
                await self._charge(connection, tenant_id, index, None if charged else embedded.tokens, chunk_id)
        async with self.database.read(tenant_id) as connection:
            groups = await index_catalogue.groups_of(connection, chunk_id)
        query = search_queries.SearchQuery(tenant_id, index, text, vector, groups, 10, self.params)
        result = await search_queries.search(self.database, query)
        return any(passage.chunk_id == chunk_id or passage.text == chunk.text for passage in result.passages)
