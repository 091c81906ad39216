from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor

from app.core.database import Database
from app.retrieval.domain import IndexRow, Passage, SearchParams, Vector

# The version is read in the same statement, so that a search is one round trip and one snapshot. Passages are read
# under row-level security and checked against the document's own row, whatever the search returned. The limits force
# the planner to one look-up per passage: without statistics it would read all of a tenant's documents. All tables are
# joined laterally to the row that sets the tenant, so that nothing is read before.
SEARCH = b"""
select corpus.version, f.top_bm25, f.top_dense, f.id, f.document_id, f.title, f.source, f.uri, f.headings, f.text,
       f.start_at, f.end_at, f.score, f.bm25, f.dense, f.document_version,
       f.flags, f.possible_bm25
from (select set_config('app.tenant_id', %s, true)::uuid as id offset 0) tenant
cross join lateral (
    select coalesce(%s::int, (select version from corpora where tenant_id = tenant.id), 0) as version offset 0
) corpus
left join lateral (
    select r.*, c.*, d.title, d.source, d.uri, d.flags
    from retrieval_search(%s::int, corpus.version, %s::regconfig, %s::text, %s::halfvec, %s::text[], %s::int, %s::real,
                          %s::int, %s::int, %s::int) r
    cross join lateral (
        select id, document_id, headings, text, start_at, end_at, document_version from chunks
        where id = r.chunk_id limit 1
    ) c
    cross join lateral (
        select title, source, uri, flags from indexed_documents
        where document_id = c.document_id and not withdrawn
          and (access_groups = '{}' or access_groups && %s::text[]) limit 1
    ) d
) f on true
order by f.score desc, f.id
"""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    tenant_id: UUID
    index: IndexRow
    text: str
    vector: Vector | None
    groups: Sequence[str]
    limit: int
    params: SearchParams
    corpus_version: int | None = None


class SearchResult(NamedTuple):
    corpus_version: int
    top_bm25: float
    top_dense: float | None
    possible_bm25: float
    passages: tuple[Passage, ...]


async def send(connection: AsyncConnection[Any], query: SearchQuery) -> AsyncCursor[Any]:
    """Send the search; its cursor can be read after the pipeline is flushed."""
    values = (str(query.tenant_id), *_values(query))
    return await connection.execute(SEARCH, values, prepare=True, binary=True)


async def search(database: Database, query: SearchQuery) -> SearchResult:
    return read_result(await database.fetch(query.tenant_id, SEARCH, _values(query)))


def _values(query: SearchQuery) -> tuple[Any, ...]:
    groups, params = list(query.groups), query.params
    return (
        query.corpus_version,
        query.index.number,
        query.index.fingerprint.text_search,
        query.index.fingerprint.query_text(query.text),
        query.vector,
        groups,
        query.limit,
        params.dense_weight,
        params.budget,
        params.exact_chunks,
        params.exact_vectors,
        groups,
    )


def _passage(*columns: Any) -> Passage:
    values = (*columns[:5], tuple(columns[5]), *columns[6:-1], tuple(columns[-1]))
    return Passage(*values)


def read_result(rows: Sequence[Sequence[Any]]) -> SearchResult:
    version, top_bm25, top_dense = rows[0][:3]
    passages = tuple(_passage(*row[3:-1]) for row in rows if row[3] is not None)
    return SearchResult(version, top_bm25 or 0.0, top_dense, rows[0][-1] or 0.0, passages)
