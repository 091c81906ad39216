from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import locks
from app.core.ids import new_id
from app.retrieval.domain import Fingerprint, Heading, IndexRow, PublishRequest
from app.retrieval.tables import chunks, corpora, index_switches, indexed_documents, indexes

# Documents of which the index lacks the newest version. A document without text has no chunks in any index.
BEHIND = sql(
    """
    select d.document_id from indexed_documents d
    where d.tenant_id = :tenant and not d.withdrawn and d.text !~ '^\\s*$' and not exists (
        select 1 from chunks c
        where c.document_id = d.document_id and c.index_number = :index and c.gone is null
          and c.document_version = d.version
    )
    order by d.document_id
    """
)
TENANTS = sql("select retrieval_tenants()")


def _row(row: Row[Any]) -> IndexRow:
    sizes = (row.chunker_params, row.text_search, row.mean_length)
    fingerprint = Fingerprint(row.embedder, row.dimensions, row.chunker, *sizes, row.analyzer)
    return IndexRow(row.number, row.id, row.status, fingerprint, row.created_at, row.ready_at)


async def all_indexes(connection: AsyncConnection) -> list[IndexRow]:
    return [_row(row) for row in await connection.execute(select(indexes).order_by(indexes.c.number))]


async def lock_indexes(connection: AsyncConnection) -> list[IndexRow]:
    """Lock the indexes until the end of the transaction; returns all of them."""
    await locks.lock(connection, locks.INDEXES)
    return await all_indexes(connection)


async def add_index(connection: AsyncConnection, fingerprint: Fingerprint, status: str, now: Any) -> IndexRow:
    values = {
        "id": new_id(),
        "status": status,
        "embedder": fingerprint.embedder,
        "dimensions": fingerprint.dimensions,
        "chunker": fingerprint.chunker,
        "chunker_params": dict(fingerprint.chunker_params),
        "text_search": fingerprint.text_search,
        "mean_length": fingerprint.mean_length,
        "analyzer": fingerprint.analyzer,
        "created_at": now,
        "ready_at": now if status != "building" else None,
    }
    return _row((await connection.execute(insert(indexes).values(**values).returning(indexes))).one())


async def set_status(connection: AsyncConnection, number: int, status: str) -> None:
    await connection.execute(update(indexes).where(indexes.c.number == number).values(status=status))


async def set_ready(connection: AsyncConnection, number: int, now: Any) -> None:
    values = {"status": "ready", "ready_at": now}
    await connection.execute(update(indexes).where(indexes.c.number == number).values(**values))


async def add_switch(connection: AsyncConnection, from_number: int | None, to_number: int, now: Any) -> None:
    values = {"id": new_id(), "from_number": from_number, "to_number": to_number, "switched_at": now}
    await connection.execute(insert(index_switches).values(**values))


async def has_text_search(connection: AsyncConnection, name: str) -> bool:
    return bool((await connection.execute(sql("select 1 from pg_ts_config where cfgname = :n"), {"n": name})).first())


async def tenants(connection: AsyncConnection) -> list[UUID]:
    """Every tenant that has ever published a document."""
    return list((await connection.execute(TENANTS)).scalars())


async def behind(connection: AsyncConnection, tenant_id: UUID, index: int) -> list[UUID]:
    """Documents of which the index lacks the newest version."""
    return list((await connection.execute(BEHIND, {"tenant": tenant_id, "index": index})).scalars())


async def count_behind(connection: AsyncConnection, tenant_id: UUID, index: int) -> int:
    """The length of `behind`, in a transaction without a tenant: sets the tenant first."""
    await connection.execute(sql("select set_config('app.tenant_id', :tenant, true)"), {"tenant": str(tenant_id)})
    return len(await behind(connection, tenant_id, index))


async def load_document(connection: AsyncConnection, tenant_id: UUID, document_id: UUID) -> PublishRequest | None:
    """A document as it was published; None when it was withdrawn."""
    where = (indexed_documents.c.tenant_id == tenant_id, indexed_documents.c.document_id == document_id)
    row = (await connection.execute(select(indexed_documents).where(*where))).one_or_none()
    if row is None or row.withdrawn:
        return None
    return PublishRequest(
        document_id=document_id,
        tenant_id=tenant_id,
        document_version=row.version,
        title=row.title,
        source=row.source,
        uri=row.uri,
        text=row.text,
        headings=[Heading(*heading) for heading in row.headings],
        access_groups=row.access_groups,
    )


async def counts(connection: AsyncConnection, tenant_id: UUID) -> dict[int, tuple[int, int]]:
    """The numbers of documents and chunks of each index in the newest corpus version."""
    query = (
        select(chunks.c.index_number, func.count(chunks.c.document_id.distinct()), func.count())
        .where(chunks.c.tenant_id == tenant_id, chunks.c.gone.is_(None))
        .group_by(chunks.c.index_number)
    )
    return {number: (documents, size) for number, documents, size in await connection.execute(query)}


async def sample(connection: AsyncConnection, tenant_id: UUID, index: int, size: int) -> Sequence[Any]:
    """Ids and texts of some chunks; ids are hashes, so that the first ones are a random sample."""
    query = select(chunks.c.id, chunks.c.text, chunks.c.headings).where(
        chunks.c.tenant_id == tenant_id, chunks.c.index_number == index, chunks.c.gone.is_(None)
    )
    return (await connection.execute(query.order_by(chunks.c.id).limit(size))).all()


async def corpus_version(connection: AsyncConnection, tenant_id: UUID) -> int:
    query = select(corpora.c.version).where(corpora.c.tenant_id == tenant_id)
    return (await connection.execute(query)).scalar() or 0


async def groups_of(connection: AsyncConnection, chunk_id: UUID) -> list[str]:
    query = (
        select(indexed_documents.c.access_groups)
        .join(chunks, chunks.c.document_id == indexed_documents.c.document_id)
        .where(chunks.c.id == chunk_id)
    )
    return (await connection.execute(query)).scalar() or []


async def holds(connection: AsyncConnection, index: int, request: PublishRequest) -> bool:
    """Whether the index contains this version of the document."""
    query = select(chunks.c.id).where(
        chunks.c.tenant_id == request.tenant_id,
        chunks.c.document_id == request.document_id,
        chunks.c.index_number == index,
        chunks.c.document_version == request.document_version,
        chunks.c.gone.is_(None),
    )
    return (await connection.execute(query.limit(1))).first() is not None
