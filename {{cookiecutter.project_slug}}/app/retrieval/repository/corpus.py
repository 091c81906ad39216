"""Chunks, terms, vectors and statistics of a tenant's corpus, written in the caller's transaction under its lock."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import delete, func, select, update
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import locks
from app.core.database import driver_sql, in_one_round_trip
from app.retrieval.domain import (
    Fingerprint,
    IndexRow,
    PreparedChunk,
    PublishRequest,
    chunk_id,
    indexed_text,
    text_digest,
)
from app.retrieval.tables import chunk_terms, chunk_vectors, chunks, corpora, indexed_documents

Statement = tuple[str, Mapping[str, Any]]

CHUNK_TABLES = (chunks, chunk_terms, chunk_vectors)
_MAX_CHUNKS_PER_STATEMENT = 250

# All chunks are passed as one JSON document: a round batch and a plan per chunk would cost more than the rows.
ADD_CHUNKS = driver_sql(
    """
    with parts as materialized (
        select * from jsonb_to_recordset(:parts) as part(
            id uuid, document uuid, document_version int, ordinal int, start_at int, end_at int, headings text[],
            groups text[], passage text, indexed text, scale real, vector text, digest text)
    ), texts as (
        insert into chunks (id, tenant_id, index_number, document_id, appeared, document_version, ordinal, start_at,
                            end_at, headings, text)
        select id, :tenant, :index, document, :version, document_version, ordinal, start_at, end_at, headings, passage
        from parts
    ), vectors as (
        insert into chunk_vectors (chunk_id, tenant_id, index_number, document_id, appeared, access_groups, embedding,
                                   text_digest)
        select id, :tenant, :index, document, :version, nullif(groups, '{}'), cast(vector as halfvec),
               decode(digest, 'hex')
        from parts where vector is not null
    )
    insert into chunk_terms (chunk_id, tenant_id, index_number, document_id, appeared, access_groups, keys, weights)
    select id, :tenant, :index, document, :version, nullif(groups, '{}'),
           terms.keys || retrieval_readers(groups, seed), terms.weights
    from parts, retrieval_seed(:tenant, :index) seed,
         retrieval_bm25(cast(:config as regconfig), seed, indexed, cast(:mean_length as real) * scale) terms
    """
)
COUNT_TERMS = sql(
    """
    insert into term_stats as s (tenant_id, index_number, key, count, versions, counts)
    select :tenant, :index, key, change, array[cast(:version as int)], array[retrieval_step(cast(change as int))]
    from (
        select key, sum(case when t.appeared = :version and t.gone is null then 1 else -1 end) as change
        from chunk_terms t, unnest(t.keys) key
        where t.tenant_id = :tenant and t.index_number = :index and t.document_id = any(:documents) and key > 0
          and ((t.appeared = :version) <> (t.gone is not distinct from :version))
        group by key
    ) changes
    where change <> 0 order by key
    on conflict (tenant_id, index_number, key) do update set
        count = s.count + excluded.count,
        versions = retrieval_log_versions(s.versions, s.counts, :version, retrieval_step(s.count + excluded.count)),
        counts = retrieval_log_counts(s.versions, s.counts, :version, retrieval_step(s.count + excluded.count))
    """
)
COUNT_CHUNKS = sql(
    """
    insert into corpus_versions as v (tenant_id, index_number, version, chunks)
    values (:tenant, :index, :version, :change + coalesce((
        select o.chunks from corpus_versions o where o.tenant_id = :tenant and o.index_number = :index
        order by o.version desc limit 1), 0))
    on conflict (tenant_id, index_number, version) do update set chunks = v.chunks + :change
    """
)
COUNT_READERS = sql(
    """
    insert into access_counts as a (tenant_id, index_number, access_groups, chunks)
    values (:tenant, :index, cast(:groups as text[]), :change)
    on conflict (tenant_id, index_number, access_groups) do update set chunks = a.chunks + excluded.chunks
    """
)
SET_TERM_GROUPS = sql(
    """
    update chunk_terms t set access_groups = nullif(cast(:groups as text[]), '{}'),
        keys = (select array_agg(key) from unnest(t.keys) key where key > 0)
               || retrieval_readers(cast(:groups as text[]), retrieval_seed(t.tenant_id, t.index_number))
    where t.tenant_id = :tenant and t.document_id = any(:documents)
    """
)


# A publish sends its reads in one round batch and its writes in another, because it locks the corpus of the tenant.
LOCK_INDEXES_SHARED = locks.INDEXES.shared()
ALL_INDEXES = """
    select number, id, status, embedder, dimensions, chunker, chunker_params, text_search, mean_length, analyzer,
        created_at, ready_at
    from indexes order by number
"""
ADD_CORPUS = "insert into corpora (tenant_id, version) values (%(tenant)s, 0) on conflict do nothing"
LOCK_CORPUS = "select version from corpora where tenant_id = %(tenant)s for update"
STORED_DOCUMENTS = """
    select document_id, version, access_groups, withdrawn from indexed_documents
    where tenant_id = %(tenant)s and document_id = any(%(documents)s)
"""
SET_CORPUS_VERSION = "update corpora set version = %(version)s where tenant_id = %(tenant)s"
STORE_DOCUMENTS = """
    insert into indexed_documents
        (document_id, tenant_id, version, title, source, uri, access_groups, withdrawn, text, headings, flags)
    select id, %(tenant)s, version, title, source, uri, groups, false, text, headings, flags
    from jsonb_to_recordset(%(documents)s) as document(
        id uuid, version int, title text, source text, uri text, groups text[], text text, headings jsonb, flags text[])
    on conflict (tenant_id, document_id) do update set version = excluded.version, title = excluded.title,
        source = excluded.source, uri = excluded.uri, access_groups = excluded.access_groups, withdrawn = false,
        text = excluded.text, headings = excluded.headings, flags = excluded.flags
"""


class StoredDocument(NamedTuple):
    """A document as last published."""

    version: int
    access_groups: Sequence[str]
    withdrawn: bool


async def lock_and_read(
    connection: AsyncConnection, tenant_id: UUID, documents: Sequence[UUID]
) -> tuple[list[IndexRow], int, dict[UUID, StoredDocument]]:
    """Lock the tenant's corpus. Returns all indexes, the newest corpus version and the stored documents."""
    scope = {"tenant": tenant_id, "documents": list(documents)}
    _, index_rows, _, locked, stored = await in_one_round_trip(
        connection,
        (LOCK_INDEXES_SHARED, {}),
        (ALL_INDEXES, {}),
        (ADD_CORPUS, scope),
        (LOCK_CORPUS, scope),
        (STORED_DOCUMENTS, scope),
    )
    indexes = [
        IndexRow(n, id_, status, Fingerprint(*pins), created, ready)
        for n, id_, status, *pins, created, ready in index_rows
    ]
    return indexes, locked[0][0], {document: StoredDocument(*values) for document, *values in stored}


@dataclass
class PublishWrites:
    """The statements of one publish, in order."""

    tenant_id: UUID
    version: int
    statements: list[Iterable[Statement]] = field(default_factory=list)

    def store(self, requests: Iterable[PublishRequest]) -> None:
        documents = _json([_document(request) for request in requests])
        store = (STORE_DOCUMENTS, {"tenant": self.tenant_id, "documents": documents})
        self.statements.append([store, (SET_CORPUS_VERSION, {"tenant": self.tenant_id, "version": self.version})])

    def add(self, index: IndexRow, prepared: Iterable[tuple[PublishRequest, Sequence[PreparedChunk]]]) -> None:
        parts = (part for request, chunks in prepared for part in _parts(index, request, chunks))
        self.statements.append(_additions(index, self.tenant_id, self.version, parts))

    def count(self, index: int, documents: Sequence[UUID], changes: Iterable[tuple[Sequence[str], int]]) -> None:
        """Update the statistics of an index. changes: of the number of chunks, by access groups."""
        scope = {"tenant": self.tenant_id, "index": index, "version": self.version}
        pairs = [(groups, change) for groups, change in changes if change]
        terms, chunks_ = scope | {"documents": list(documents)}, scope | {"change": sum(c for _, c in pairs)}
        self.statements.append([(_COUNT_TERMS, terms), (_COUNT_CHUNKS, chunks_)])
        self.statements.append(
            [(_COUNT_READERS, scope | {"groups": list(groups), "change": change}) for groups, change in pairs]
        )

    async def send(self, connection: AsyncConnection) -> None:
        """Send the statements in one round batch per slice of chunks, so that only one slice is in memory as JSON."""
        batch: list[Statement] = []
        for statement in chain.from_iterable(self.statements):
            if statement[0] is ADD_CHUNKS and any(sent[0] is ADD_CHUNKS for sent in batch):
                await in_one_round_trip(connection, *batch)
                batch = []
            batch.append(statement)
        await in_one_round_trip(connection, *batch)


def _document(request: PublishRequest) -> dict[str, Any]:
    return {
        "id": request.document_id,
        "version": request.document_version,
        "title": request.title,
        "source": request.source,
        "uri": request.uri,
        "groups": request.groups,
        # PostgreSQL stores no NUL in text; a space keeps all offsets.
        "text": request.text.replace("\0", " "),
        "headings": [[h.level, h.title.replace("\0", " "), h.start] for h in request.headings],
        "flags": list(request.flags),
    }


def _json(rows: Sequence[Mapping[str, Any]]) -> Jsonb:
    return Jsonb(rows, dumps=orjson.dumps)


async def lock_corpus(connection: AsyncConnection, tenant_id: UUID) -> int:
    """Lock a tenant's corpus until the end of the transaction. Returns the newest corpus version."""
    await connection.execute(insert(corpora).values(tenant_id=tenant_id, version=0).on_conflict_do_nothing())
    query = select(corpora.c.version).where(corpora.c.tenant_id == tenant_id).with_for_update()
    version: int = (await connection.execute(query)).scalar_one()
    return version


async def set_corpus_version(connection: AsyncConnection, tenant_id: UUID, version: int) -> None:
    await connection.execute(update(corpora).where(corpora.c.tenant_id == tenant_id).values(version=version))


async def stored_document(connection: AsyncConnection, tenant_id: UUID, document_id: UUID) -> StoredDocument | None:
    """The stored document; None when it was never published."""
    table = indexed_documents.c
    query = select(table.version, table.access_groups, table.withdrawn)
    where = (table.tenant_id == tenant_id, table.document_id == document_id)
    row = (await connection.execute(query.where(*where))).one_or_none()
    return StoredDocument(*row) if row else None


async def stored_documents(
    connection: AsyncConnection, tenant_id: UUID, documents: Sequence[UUID]
) -> dict[UUID, StoredDocument]:
    """As `stored_document`, by id; those that were never published are left out."""
    table = indexed_documents.c
    query = select(table.document_id, table.version, table.access_groups, table.withdrawn)
    rows = await connection.execute(query.where(table.tenant_id == tenant_id, table.document_id.in_(documents)))
    return {document_id: StoredDocument(*stored) for document_id, *stored in rows}


async def current_chunks(
    connection: AsyncConnection, tenant_id: UUID, documents: Sequence[UUID]
) -> list[tuple[int, list[str], int]]:
    """The number of current chunks of these documents, by index and access groups."""
    document = indexed_documents.c
    query = (
        select(chunks.c.index_number, document.access_groups, func.count())
        .join(indexed_documents, document.document_id == chunks.c.document_id)
        .where(chunks.c.tenant_id == tenant_id, document.tenant_id == tenant_id)
        .where(chunks.c.document_id.in_(documents), chunks.c.gone.is_(None))
        .group_by(chunks.c.index_number, document.access_groups)
        .order_by(chunks.c.index_number, document.access_groups)
    )
    return [(index, list(groups), count) for index, groups, count in await connection.execute(query)]


async def add_chunks(
    connection: AsyncConnection,
    index: IndexRow,
    request: PublishRequest,
    prepared: Sequence[PreparedChunk],
    version: int,
) -> None:
    for statement in _additions(index, request.tenant_id, version, _parts(index, request, prepared)):
        await in_one_round_trip(connection, statement)


_COUNT_TERMS, _COUNT_CHUNKS, _COUNT_READERS = (
    driver_sql(each.text) for each in (COUNT_TERMS, COUNT_CHUNKS, COUNT_READERS)
)


def _additions(
    index: IndexRow, tenant_id: UUID, version: int, parts: Iterator[Mapping[str, Any]]
) -> Iterator[Statement]:
    """The statements that add the chunks, some hundreds each, because PostgreSQL limits the size of JSON."""
    scope = {
        "tenant": tenant_id,
        "index": index.number,
        "version": version,
        "config": index.fingerprint.text_search,
        "mean_length": index.fingerprint.mean_length,
    }
    while some := list(islice(parts, _MAX_CHUNKS_PER_STATEMENT)):
        yield ADD_CHUNKS, scope | {"parts": _json(some)}


def _parts(index: IndexRow, request: PublishRequest, prepared: Iterable[PreparedChunk]) -> Iterator[dict[str, Any]]:
    for part in prepared:
        chunk, words = part.chunk, indexed_text(part.chunk).replace("\0", " ")
        vector = part.vector if index.dense else None
        yield {
            "id": chunk_id(request.document_id, request.document_version, index.number, chunk.ordinal),
            "document": request.document_id,
            "document_version": request.document_version,
            "ordinal": chunk.ordinal,
            "start_at": chunk.start,
            "end_at": chunk.end,
            "headings": [title.replace("\0", " ") for title in chunk.headings],
            "groups": request.groups,
            "passage": chunk.text.replace("\0", " "),
            "indexed": index.fingerprint.index_text(words),
            "scale": index.fingerprint.length_scale(words),
            "vector": orjson.dumps(vector.floats()).decode() if vector else None,
            "digest": text_digest(words).hex() if vector else None,
        }


async def remove_chunks(
    connection: AsyncConnection, tenant_id: UUID, document_id: UUID, version: int, index: int
) -> int:
    """End the document's chunks with `version`; earlier versions keep them. Returns their number."""
    removed = 0
    for table in CHUNK_TABLES:
        where = (
            table.c.tenant_id == tenant_id,
            table.c.document_id == document_id,
            table.c.index_number == index,
            table.c.gone.is_(None),
        )
        result = await connection.execute(update(table).where(*where).values(gone=version))
        removed = result.rowcount if table is chunks else removed
    return removed


async def update_statistics(
    connection: AsyncConnection,
    tenant_id: UUID,
    document_id: UUID,
    index: int,
    version: int,
    changes: Iterable[tuple[Sequence[str], int]],
) -> None:
    """Update the statistics to `version`. changes: of the number of chunks, by access groups."""
    scope = {"tenant": tenant_id, "index": index, "version": version}
    pairs = [(groups, change) for groups, change in changes if change]
    await connection.execute(COUNT_TERMS, scope | {"documents": [document_id]})
    await connection.execute(COUNT_CHUNKS, scope | {"change": sum(change for _, change in pairs)})
    await update_reader_counts(connection, tenant_id, index, pairs)


async def update_reader_counts(
    connection: AsyncConnection, tenant_id: UUID, index: int, changes: Iterable[tuple[Sequence[str], int]]
) -> None:
    for groups, change in changes:
        values = {"tenant": tenant_id, "index": index, "groups": list(groups), "change": change}
        await connection.execute(COUNT_READERS, values)


async def indexes_holding(connection: AsyncConnection, tenant_id: UUID, document_id: UUID) -> dict[int, int]:
    """The number of current chunks of a document by index; 0 for indexes with only old ones."""
    query = (
        select(chunks.c.index_number, func.count().filter(chunks.c.gone.is_(None)))
        .where(chunks.c.tenant_id == tenant_id, chunks.c.document_id == document_id)
        .group_by(chunks.c.index_number)
        .order_by(chunks.c.index_number)
    )
    return {row[0]: row[1] for row in await connection.execute(query)}


async def erase_document(connection: AsyncConnection, tenant_id: UUID, document_id: UUID) -> None:
    """Erase the document from every index and every corpus version. A marker stays, so that a late publish cannot
    restore it.
    """
    for table in CHUNK_TABLES:
        await connection.execute(
            delete(table).where(table.c.tenant_id == tenant_id, table.c.document_id == document_id)
        )
    where = (indexed_documents.c.tenant_id == tenant_id, indexed_documents.c.document_id == document_id)
    await connection.execute(
        update(indexed_documents).where(*where).values(withdrawn=True, text="", headings=[], title="")
    )


async def set_access_groups(
    connection: AsyncConnection, tenant_id: UUID, documents: Sequence[UUID], groups: Sequence[str]
) -> None:
    where = (indexed_documents.c.tenant_id == tenant_id, indexed_documents.c.document_id.in_(documents))
    await connection.execute(update(indexed_documents).where(*where).values(access_groups=list(groups)))
    values = {"tenant": tenant_id, "documents": list(documents), "groups": list(groups)}
    await connection.execute(SET_TERM_GROUPS, values)
    vectors = update(chunk_vectors).where(
        chunk_vectors.c.tenant_id == tenant_id, chunk_vectors.c.document_id.in_(documents)
    )
    await connection.execute(vectors.values(access_groups=list(groups) or None))
