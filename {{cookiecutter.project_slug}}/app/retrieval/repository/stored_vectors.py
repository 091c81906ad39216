"""Vectors that an index holds already, found by the text that was embedded."""

from collections.abc import Sequence
from uuid import UUID

from app.core.database import Database, driver_sql, in_one_round_trip
from app.retrieval.domain import Vector

# A digest and not the text, whose comparison must not come before the check of the tenant and so cannot use an index.
_STORED_VECTORS = driver_sql(
    """
    select wanted.digest, halfvec_send(stored.embedding)
    from unnest(cast(:digests as bytea[])) wanted(digest)
    cross join lateral (
        select v.embedding from chunk_vectors v
        where v.tenant_id = :tenant and v.index_number = :index and v.text_digest = wanted.digest
        limit 1
    ) stored
    """
)
_BYTES_BEFORE_HALVES = 4


async def stored_vectors(
    database: Database, tenant_id: UUID, index_number: int, digests: Sequence[bytes]
) -> dict[bytes, Vector]:
    """The vectors of texts with these digests that the tenant has in the index, in any document or version."""
    values = {"tenant": tenant_id, "index": index_number, "digests": list(digests)}
    async with database.read(tenant_id) as connection:
        (rows,) = await in_one_round_trip(connection, (_STORED_VECTORS, values))
    return {bytes(digest): Vector(bytes(sent)[_BYTES_BEFORE_HALVES:]) for digest, sent in rows}
