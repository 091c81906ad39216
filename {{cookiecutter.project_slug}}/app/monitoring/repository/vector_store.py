from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.monitoring.tables import question_vectors

_ROW = question_vectors.c


async def list_vectors(connection: AsyncConnection, embedder: str, answers: Sequence[UUID]) -> dict[UUID, bytes]:
    """The stored vectors of this embedder, by answer."""
    query = select(_ROW.answer_id, _ROW.vector).where(_ROW.embedder == embedder, _ROW.answer_id.in_(answers))
    return {row.answer_id: bytes(row.vector) for row in await connection.execute(query)}


async def store_vectors(
    connection: AsyncConnection, tenant: UUID, embedder: str, vectors: Mapping[UUID, bytes]
) -> None:
    """Replaces those of another embedder."""
    rows = [
        {"tenant_id": tenant, "answer_id": answer, "embedder": embedder, "vector": vector}
        for answer, vector in sorted(vectors.items())
    ]
    if rows:
        new = insert(question_vectors).values(rows)
        changed = {"embedder": new.excluded.embedder, "vector": new.excluded.vector}
        await connection.execute(new.on_conflict_do_update(index_elements=["tenant_id", "answer_id"], set_=changed))
