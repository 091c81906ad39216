"""The statistics for scores stay consistent with the chunks after any sequence of changes."""

import asyncio
import random
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text as sql

from app.core.database import Database
from app.retrieval.service.retrieval import Retrieval

WORDS = [f"word{number}" for number in range(40)]
GROUPS = [[], ["a"], ["b"], ["a", "b"]]

TERMS = """
select coalesce(max(abs(s.count - coalesce(n.count, 0))), 0) from term_stats s left join (
    select key, count(*) from chunk_terms t, unnest(t.keys) key where gone is null and key > 0 group by key
) n using (key)
"""
CHUNKS = """
select (select chunks from corpus_versions order by version desc limit 1)
       - (select count(*) from chunks where gone is null)
"""
READERS = """
select coalesce(sum(abs(a.chunks - coalesce(n.count, 0))), 0) from access_counts a left join (
    select coalesce(t.access_groups, '{}') as access_groups, count(*) from chunk_terms t where gone is null group by 1
) n using (access_groups)
"""
LOG = """
select count(*) from term_stats where counts[cardinality(counts)] <> retrieval_step(count)
    or cardinality(counts) <> cardinality(versions)
    or versions <> (select array_agg(distinct v order by v) from unnest(versions) v)
"""


async def differences(database: Database, tenant: UUID) -> dict[str, int]:
    async with database.read(tenant) as connection:
        checks = {"terms": TERMS, "chunks": CHUNKS, "readers": READERS, "log": LOG}
        return {name: int((await connection.execute(sql(query))).scalar() or 0) for name, query in checks.items()}


@pytest.mark.parametrize("seed", range(3))
async def test_statistics_are_correct_after_random_changes(retrieval: Retrieval, publish, request_of, tenant, seed):
    chance = random.Random(seed)
    documents: list = []
    for _ in range(40):
        step = chance.random()
        if step < 0.5 or not documents:
            text = " ".join(chance.choices(WORDS, k=chance.randint(1, 30)))
            documents.append(request_of(text, access_groups=chance.choice(GROUPS)))
            await publish(documents[-1])
            continue
        place = chance.randrange(len(documents))
        chosen = documents[place]
        async with retrieval.database.transaction(tenant) as connection:
            if step > 0.9:
                await retrieval.withdraw(connection, tenant, documents.pop(place).document_id)
                continue
            if step > 0.75:
                await retrieval.set_access(connection, tenant, chosen.document_id, chance.choice(GROUPS))
                continue
        text = " ".join(chance.choices(WORDS, k=chance.randint(1, 30)))
        documents[place] = replace(chosen, text=text, document_version=chosen.document_version + 1)
        await publish(documents[place])
    assert await differences(retrieval.database, tenant) == {"terms": 0, "chunks": 0, "readers": 0, "log": 0}


async def test_concurrent_publishes_are_counted_once_each(retrieval: Retrieval, publish, request_of, tenant):
    versions = await asyncio.gather(*(publish(request_of(f"shared word number{number}")) for number in range(10)))
    assert sorted(versions) == list(range(1, 11))
    assert await differences(retrieval.database, tenant) == {"terms": 0, "chunks": 0, "readers": 0, "log": 0}


async def test_a_document_published_concurrently_is_there_once(publish, request_of, search):
    request = request_of("a text about rivers")
    assert set(await asyncio.gather(*(publish(request) for _ in range(6)))) == {1}
    assert len((await search("rivers")).passages) == 1
