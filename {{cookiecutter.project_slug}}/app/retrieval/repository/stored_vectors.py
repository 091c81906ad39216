"""Vectors of chunks that an index holds already, found by the text that was embedded."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from app.core.database import Database, driver_sql, in_one_round_trip
from app.retrieval.domain import Chunk, Vector

_MAX_CHUNKS_PER_STATEMENT = 250
# The hash finds the rows, the comparison of texts decides. Only chunks of the same tenant and index are compared.
_STORED_VECTORS = driver_sql(
    """
    select wanted.place, halfvec_send(stored.embedding)
    from jsonb_to_recordset(:wanted) as wanted(place int, headings text[], passage text)
    cross join lateral (
        select v.embedding from chunks c join chunk_vectors v on v.tenant_id = c.tenant_id and v.chunk_id = c.id
        where c.tenant_id = :tenant and c.index_number = :index
          and hashtextextended(c.text, 0) = hashtextextended(wanted.passage, 0)
          and c.text = wanted.passage and c.headings = wanted.headings
        limit 1
    ) stored
    """
)
_BYTES_BEFORE_HALVES = 4


async def stored_vectors(
    database: Database, tenant_id: UUID, index_number: int, chunks: Sequence[Chunk]
) -> dict[int, Vector]:
    """The vectors that the index holds for chunks with the same text and headings, by the place of the chunk."""
    wanted = ({"place": place, **_stored(each)} for place, each in enumerate(chunks))
    scope = {"tenant": tenant_id, "index": index_number}
    found: dict[int, Vector] = {}
    async with database.read(tenant_id) as connection:
        for part in _slices(wanted):
            values = scope | {"wanted": Jsonb(part, dumps=orjson.dumps)}
            (rows,) = await in_one_round_trip(connection, (_STORED_VECTORS, values))
            found |= {place: Vector(bytes(sent)[_BYTES_BEFORE_HALVES:]) for place, sent in rows}
    return found


def _stored(chunk: Chunk) -> dict[str, Any]:
    """As the database stores it: without NUL."""
    return {
        "headings": [title.replace("\0", " ") for title in chunk.headings],
        "passage": chunk.text.replace("\0", " "),
    }


def _slices(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while part := list(islice(rows, _MAX_CHUNKS_PER_STATEMENT)):
        yield part
