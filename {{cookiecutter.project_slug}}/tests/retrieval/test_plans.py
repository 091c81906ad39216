"""The query plan of a search depends on the corpus and the filter; the results do not."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text as sql

from app.retrieval.domain import PublishRequest, SearchParams, Vector
from app.retrieval.repository import hnsw
from app.retrieval.repository.search_queries import SearchQuery, search
from app.retrieval.service.retrieval import Retrieval
from app.wiring import State
from tests.conftest import ROOT
from tests.retrieval.conftest import WordsEmbedder
from tests.retrieval.test_indexes import SeparateService, ignore, put

DOCUMENTS = 300
QUERIES = ["word3 word17 word44", "word8", "word21 word22 word23 word24", "word99 word1 word2"]
ALWAYS_EXACT = SearchParams(budget=10**6, exact_chunks=0, exact_vectors=10**6)


@pytest_asyncio.fixture(scope="module")
async def corpus(state: State) -> AsyncIterator[tuple[Retrieval, object, WordsEmbedder]]:
    """300 documents in an index with vectors, every hundredth restricted to one group."""
    words = WordsEmbedder()
    both = SeparateService(state, *state.retrieval.embedders.values(), words).retrieval
    tenant = await state.identity.ensure_tenant("plans")
    chance = random.Random(5)
    for number in range(DOCUMENTS):
        text = " ".join(f"word{int(chance.paretovariate(0.6)) % 120}" for _ in range(40))
        groups = ["few"] if number % 100 == 0 else ["many"]
        await put(both, PublishRequest(uuid4(), tenant, 1, str(number), "t", f"{number}", text, access_groups=groups))
    fingerprint = replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions)
    index = await both.index_builder.build(fingerprint, ignore)
    yield both, (tenant, index), words
    await both.indexes.retire(index.number)


async def find(corpus, query: str, params: SearchParams, groups: list[str], dense: bool = True):
    retrieval, (tenant, index), words = corpus
    vector: Vector | None = words._vector(query) if dense else None
    return await search(retrieval.database, SearchQuery(tenant, index, query, vector, groups, 10, params))


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("groups", [["few"], ["many"], ["few", "many"]])
async def test_every_plan_returns_the_best_readable_passages(corpus, query, groups, dense):
    expected = await find(corpus, query, ALWAYS_EXACT, groups, dense)
    assert expected.passages
    variants = ({}, {"budget": 5}, {"exact_chunks": 10}, {"exact_vectors": 0})
    for params in (SearchParams(**variant) for variant in variants):
        result = await find(corpus, query, params, groups, dense)
        assert result == expected
        groups_found = {"few" if int(passage.uri) % 100 == 0 else "many" for passage in result.passages}
        assert groups_found <= set(groups)


WORDS_FIRST = """
    select (select count(*) from retrieval_search(%s, %s, %s, %s, null, %s, 10, 0.5, 2000, %s, 1000)),
           pg_stat_get_xact_numscans('pk_chunk_terms'::regclass)
"""


@pytest.mark.parametrize("exact_chunks", [1000, 0])
async def test_a_search_never_goes_through_the_chunks_of_its_tenant(state, corpus, exact_chunks):
    """Even where the planner takes the way by words for expensive, as it does with more chunks than there are here."""
    retrieval, (tenant, index), _ = corpus
    version = await retrieval.corpus_version(tenant)
    parameters = (index.number, version, index.fingerprint.text_search, QUERIES[0], ["few"], exact_chunks)
    async with hnsw.owner(state.urls.owner) as connection, connection.transaction():
        await connection.execute("set local enable_bitmapscan = off")
        await connection.execute("select set_config('app.tenant_id', %s, true)", (str(tenant),))
        row = await (await connection.execute(WORDS_FIRST, parameters)).fetchone()
    assert row
    assert row[0] > 0
    assert row[1] == 0


async def test_the_approximate_index_agrees_with_the_exact_search(state, corpus):
    _, (tenant, index), words = corpus
    name = f"sx_vectors_{index.number}_{tenant.hex}"
    async with hnsw.owner(state.urls.owner) as connection:
        large = await hnsw.large_tenants(connection, index.number, 100)
        assert (tenant, DOCUMENTS) in large
        assert all(chunks > 100 for _, chunks in large)
        assert await hnsw.create_index(connection, index.number, words.dimensions, tenant)
        assert not await hnsw.create_index(connection, index.number, words.dimensions, tenant), "it is there"
        overlap = 0
        for query in QUERIES:
            exact = await find(corpus, query, ALWAYS_EXACT, ["many", "few"])
            near = await find(corpus, query, SearchParams(exact_vectors=50, budget=10**6), ["many", "few"])
            overlap += len({p.chunk_id for p in exact.passages} & {p.chunk_id for p in near.passages})
            assert near.top_dense == pytest.approx(exact.top_dense, abs=1e-3)
            few = await find(corpus, query, SearchParams(exact_vectors=0, exact_chunks=0), ["few"])
            assert few == await find(corpus, query, ALWAYS_EXACT, ["few"]), (
                "an approximate search under a narrow filter loses rows"
            )
        assert overlap >= 0.95 * 10 * len(QUERIES)
        await connection.execute(f"drop index {name}")


async def test_a_single_common_word_returns_a_full_page(corpus):
    retrieval, (tenant, _), _ = corpus
    async with retrieval.database.read(tenant) as connection:
        top = "select count(*) from term_stats where count > 100"
        assert ((await connection.execute(sql(top))).scalar() or 0) > 0
    result = await find(corpus, "word1", SearchParams(budget=1), ["many", "few"], dense=False)
    assert len(result.passages) == 10


CALL = "select * from {}(%s, %s, %s, %s, %s::halfvec, %s, %s, 0.5, %s, %s, %s)"
LIMITS = (1, 10, 60)
BUDGETS = ((800, 3000, 20_000), (5, 0, 20_000), (5, 10, 20_000), (10**6, 0, 0))


def replaced_by_migration(number: str) -> dict[str, str]:
    """The text that a migration of the search replaces, by the text that it puts there."""
    (file,) = (ROOT / "migrations" / "versions").glob(f"*_{number}_*.py")
    spec = spec_from_file_location(f"migration_{number}", file)
    assert spec
    assert spec.loader
    migration = module_from_spec(spec)
    spec.loader.exec_module(migration)
    return {new: old for old, new in migration.SEARCH.items()}


@pytest.mark.parametrize("dense", [False, True])
async def test_the_cheaper_search_finds_what_the_one_before_found(state, corpus, dense):
    retrieval, (tenant, index), words = corpus
    version, found = await retrieval.corpus_version(tenant), 0
    async with hnsw.owner(state.urls.owner) as owner, owner.transaction(force_rollback=True):
        row = await (await owner.execute("select pg_get_functiondef('retrieval_search'::regproc)")).fetchone()
        assert row
        before = row[0].replace(".retrieval_search(", ".search_before(")
        for new, old in replaced_by_migration("0035").items():
            assert before.count(new) == 1, new
            before = before.replace(new, old)
        await owner.execute(before)
        await owner.execute("select set_config('app.tenant_id', %s, true)", (str(tenant),))
        questions = (*QUERIES, "word3 word3-word17/word8 unwritten", "unwritten", "")
        for query, groups, limit, budget in product(questions, (["few"], ["many", "few"], []), LIMITS, BUDGETS):
            vector = words._vector(query) if dense else None
            values = (index.number, version, index.fingerprint.text_search, query, vector, groups, limit, *budget)
            pages = [
                await (await owner.execute(CALL.format(name), values)).fetchall()
                for name in ("retrieval_search", "search_before")
            ]
            assert pages[0] == pages[1], values
            found += len(pages[0])
    assert found > 1000
