"""Vectors that an index holds already, found by the text that was embedded."""

from collections.abc import Sequence
from uuid import UUID

from app.core.database import Database, driver_sql, in_one_round_trip
from app.retrieval.domain import Vector

# A digest and not the text, whose comparison must not come before the check of the tenant and so cannot use an index.
# No lookup per digest: where the statistics do not know an index or a tenant yet, each would read all of its vectors.
STORED_VECTORS = driver_sql(
    """
    select digest, halfvec_send(embedding)
    from (
        select distinct on (v.text_digest) v.text_digest as digest, v.embedding
        from chunk_vectors v
        where v.tenant_id = :tenant and v.index_number = :index and v.text_digest = any(cast(:digests as bytea[]))
        order by v.text_digest
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
        (rows,) = await in_one_round_trip(connection, (STORED_VECTORS, values))
    return {bytes(digest): Vector(bytes(sent)[_BYTES_BEFORE_HALVES:]) for digest, sent in rows}
