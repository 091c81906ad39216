import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock, Deadline
from app.core.database import Database
from app.core.genai import retrieval
from app.core.telemetry import histogram, span
from app.costs.domain import LedgerRow, Usage
from app.costs.domain.budgets import Settlement
from app.costs.service import Costs
from app.costs.service import answer_statements as billing
from app.identity.domain import Principal
from app.retrieval.domain import (
    Evidence,
    IndexRow,
    PreparedDocument,
    PublishedText,
    PublishRequest,
    SearchParams,
    SearchUsage,
    distinct_passages,
)
from app.retrieval.domain.indexes import MAINTAINED_STATUSES
from app.retrieval.ports import Embedder
from app.retrieval.repository import index_catalogue as index_rows
from app.retrieval.repository import search_queries
from app.retrieval.service import document_preparation, published_text, publishing
from app.retrieval.service.index_build import IndexBuilder
from app.retrieval.service.index_registry import IndexRegistry, make_index_registry
from app.retrieval.service.passage_embedding import PassageEmbeddings
from app.retrieval.service.query_embedding import QueryEmbeddings, QueryVector
from app.retrieval.service.vector_indexes import VectorIndexes

SEARCH_SECONDS = histogram("app_search_seconds", "Seconds of one step of a search.", ["step"])
# Asked for once more where passages read the same, so that copies of a document crowd out no other.
_WIDER = 4
_EMBED_SECONDS, _FIND_SECONDS = SEARCH_SECONDS.labels("embed"), SEARCH_SECONDS.labels("find")


@dataclass(frozen=True)
class Retrieval:
    """Searches the chunks of published documents, and publishes documents to the indexes. A PassageSearch.

    index_builder, vector_indexes: operations of an operator.
    """

    database: Database
    clock: Clock
    costs: Costs
    embedders: Mapping[str, Embedder]
    indexes: IndexRegistry
    index_builder: IndexBuilder
    vector_indexes: VectorIndexes
    query_embeddings: QueryEmbeddings
    passages: PassageEmbeddings
    params: SearchParams

    async def search(
        self,
        caller: Principal,
        query: str,
        *,
        deadline: Deadline,
        limit: int = 10,
        corpus_version: int | None = None,
        index: IndexRow | None = None,
        params: SearchParams | None = None,
        charge: bool = False,
    ) -> Evidence:
        """As PassageSearch.search."""
        index = index or self.indexes.known.live or await self.indexes.live()
        text = query.replace("\0", " ")
        started = time.perf_counter()
        embedding = await self.query_embeddings.vector(caller.tenant_id, index, text, deadline)
        embedded = time.perf_counter()
        rows = self._ledger_rows(caller, embedding.usage) if charge else []
        search_query = search_queries.SearchQuery(
            caller.tenant_id,
            index,
            text,
            embedding.vector,
            sorted(caller.groups),
            limit,
            params or self.params,
            corpus_version,
        )
        try:
            hybrid = embedding.vector is not None
            with retrieval(f"index-{index.number}", limit, text, hybrid=hybrid):
                result = await self._find_distinct(search_query, rows, embedding.usage)
        except BaseException:
            self.query_embeddings.abandon(caller.tenant_id, embedding.usage, rows)
            raise
        ended = time.perf_counter()
        _EMBED_SECONDS.observe(embedded - started)
        _FIND_SECONDS.observe(ended - embedded)
        timings = {"embed": (embedded - started) * 1000, "search": (ended - embedded) * 1000}
        return _evidence(index, result, embedding, timings)

    def abandon(self, tenant_id: UUID, evidence: Evidence) -> None:
        """Charge a search whose result nobody received, and settle its hold."""
        self.query_embeddings.abandon(tenant_id, evidence.usage)

    def _ledger_rows(self, caller: Principal, usage: SearchUsage | None) -> list[LedgerRow]:
        if usage is None:
            return []
        used = Usage(input=usage.tokens)
        return [self.costs.row(caller.tenant_id, "embedding_query", usage.model, used, key_id=caller.key_id)]

    async def _find(
        self, query: search_queries.SearchQuery, rows: Sequence[LedgerRow], usage: SearchUsage | None
    ) -> search_queries.SearchResult:
        if not rows:
            return await search_queries.search(self.database, query)
        async with self.database.pipeline(query.tenant_id) as connection:
            cursor = await search_queries.send(connection, query)
            for row in rows:
                await connection.execute(billing.LEDGER_SQL, billing.ledger_parameters(row), prepare=True)
            if usage and usage.hold:
                paid = Settlement((usage.hold,), sum(row.charge.micro_usd for row in rows))
                await connection.execute(billing.SETTLE_SQL, billing.settle_parameters(paid), prepare=True)
        self.costs.count(rows)
        return search_queries.read_result(await cursor.fetchall())

    async def _find_distinct(
        self, query: search_queries.SearchQuery, rows: Sequence[LedgerRow], usage: SearchUsage | None
    ) -> search_queries.SearchResult:
        """As `_find`, with the best of the passages that read the same: documents may hold the same text."""
        result = await self._find(query, rows, usage)
        distinct = distinct_passages(result.passages)
        if len(distinct) < len(result.passages) == query.limit:
            wider = await search_queries.search(self.database, replace(query, limit=_WIDER * query.limit))
            distinct = distinct_passages(wider.passages)
        return result._replace(passages=distinct[: query.limit])

    async def prepare(self, request: PublishRequest) -> PreparedDocument:
        """Chunk and embed a document for every maintained index; writes nothing to the indexes.

        Errors: EmbedderMismatch, ChunkerMismatch, TooManyChunks, EmbeddingFailed, OutOfTime.
        """
        await self.indexes.live()
        maintained = [index for index in self.indexes.known.rows if index.status in MAINTAINED_STATUSES]
        with span("prepare", indexes=len(maintained)):
            return await document_preparation.prepare(maintained, request, self.passages)

    async def publish(self, connection: AsyncConnection, prepared: PreparedDocument) -> int:
        """Replace the document's chunks in every maintained index, in the caller's transaction.

        Returns the new corpus version; publishing the same document version again changes nothing.
        Errors: StaleDocument after a newer version or a withdrawal.
        """
        return await self.publish_all(connection, [prepared])

    async def publish_all(self, connection: AsyncConnection, documents: Sequence[PreparedDocument]) -> int:
        """As `publish`, for different documents of one tenant, in one corpus version."""
        version = await publishing.publish(connection, documents, self.passages)
        charged = [self._ledger_row(each.request, *used) for each in documents for used in each.embedded_tokens.items()]
        if charged:
            await self.costs.record(connection, charged)
        return version

    def _ledger_row(self, request: PublishRequest, model: str, tokens: int) -> LedgerRow:
        used = Usage(input=tokens)
        return self.costs.row(request.tenant_id, "embedding_document", model, used, subject_id=request.document_id)

    async def withdraw(self, connection: AsyncConnection, tenant_id: UUID, document_id: UUID) -> int:
        """Erase the document from every index and every corpus version. Returns the new corpus version."""
        return await publishing.withdraw(connection, tenant_id, document_id)

    async def set_access(
        self, connection: AsyncConnection, tenant_id: UUID, document_id: UUID, groups: Sequence[str]
    ) -> None:
        """Change who may read the document, in every corpus version from the commit on. groups: empty for everybody."""
        await publishing.set_access(connection, tenant_id, {document_id: groups})

    async def set_access_all(
        self, connection: AsyncConnection, tenant_id: UUID, groups_by_document: Mapping[UUID, Sequence[str]]
    ) -> None:
        """As `set_access`, for many documents. Those that were never published are left out."""
        await publishing.set_access(connection, tenant_id, groups_by_document)

    async def document_text(self, caller: Principal, document_id: UUID, version: int | None = None) -> PublishedText:
        """The published text of a document that the caller may find by a search. version: of a citation; only the
        text of the published one is stored.

        Errors: DocumentTextNotFound, also for a document that is closed to the caller; DocumentVersionNotFound.
        """
        return await published_text.read_text(self.database, caller, document_id, version)

    async def corpus_version(self, tenant_id: UUID) -> int:
        """The newest corpus version of a tenant; 0 before its first publish."""
        async with self.database.read(tenant_id) as connection:
            return await index_rows.corpus_version(connection, tenant_id)

    async def list_indexes(self, tenant_id: UUID | None) -> list[tuple[IndexRow, int, int]]:
        """Every index with the tenant's documents and chunks in it."""
        async with self.database.read(tenant_id) as connection:
            rows = await index_rows.all_indexes(connection)
            counts = await index_rows.counts(connection, tenant_id) if tenant_id else {}
        return [(row, *counts.get(row.number, (0, 0))) for row in rows]

    async def follow(self, _: str = "") -> None:
        """Reload the indexes after a notification."""
        await self.indexes.reload()

    async def ready(self) -> None:
        """Check that this process can search the live index. Errors: EmbedderMismatch, DatabaseUnavailable."""
        (await self.indexes.live()).check_embedder(self.embedders)

    async def warm(self) -> None:
        """Load the embedding models. Errors: StartRefused."""
        for embedder in self.embedders.values():
            await embedder.warm()

    async def close(self) -> None:
        for embedder in self.embedders.values():
            await embedder.close()


def _evidence(
    index: IndexRow, result: search_queries.SearchResult, embedding: QueryVector, timings: Mapping[str, float]
) -> Evidence:
    return Evidence(
        index_id=index.id,
        index_number=index.number,
        usage=embedding.usage,
        degraded=embedding.degraded,
        timings=timings,
        **result._asdict(),
    )


def make_retrieval(
    database: Database,
    clock: Clock,
    costs: Costs,
    embedders: Sequence[Embedder],
    text_search: str,
    params: SearchParams | None = None,
) -> Retrieval:
    """Build the service. embedders: the first one for new indexes, others for indexes that were built with them."""
    search_params, indexes = params or SearchParams(), make_index_registry(database, clock, embedders, text_search)
    by_name = indexes.embedders
    passages = PassageEmbeddings(by_name, costs, database)
    return Retrieval(
        database=database,
        clock=clock,
        costs=costs,
        embedders=by_name,
        indexes=indexes,
        index_builder=IndexBuilder(database, clock, by_name, indexes, search_params, costs, passages),
        vector_indexes=VectorIndexes(indexes, search_params),
        query_embeddings=QueryEmbeddings(by_name, costs),
        passages=passages,
        params=search_params,
    )
