"""A build during a publish."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from sqlalchemy import text

from tests.clock import until
from tests.retrieval.test_indexes import (
    SeparateService,
    ask,
    caller,
    ignore,
    in_flight,
    is_done_or_waits_for_lock,
    live_index,
    put,
    switch_to,
    text_of,
    words,
)

__all__ = ["caller", "live_index", "words"]


async def test_a_build_does_not_restore_a_version_that_a_publish_replaces(
    state, live_index, retrieval, request_of, caller, words
):
    both = SeparateService(state, *retrieval.embedders.values(), words).retrieval
    first = request_of(text_of(1))
    await put(both, first)
    embed = words.embed_passages
    async with AsyncExitStack() as publishing:
        replacing = asyncio.Event()

        async def replaced_meanwhile(texts: list[str]) -> object:
            words.embed_passages = embed
            vectors = await embed(texts)
            await publishing.enter_async_context(in_flight(both, replace(first, text=text_of(2), document_version=2)))
            replacing.set()
            return vectors

        words.embed_passages = replaced_meanwhile
        vectors = replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions)
        building = asyncio.create_task(both.index_builder.build(vectors, ignore))
        await replacing.wait()
        await until(partial(is_done_or_waits_for_lock, both, building))
    await switch_to(both, (await building).number)
    evidence = await ask(both, caller, "topic1 topic2")
    assert {passage.version for passage in evidence.passages} == {2}


async def test_a_build_gives_a_document_the_readers_that_it_has_when_it_is_stored(
    state, live_index, retrieval, request_of, words
):
    both = SeparateService(state, *retrieval.embedders.values(), words).retrieval
    request, embed = request_of(text_of(1)), words.embed_passages
    await put(both, request)

    async def closed_meanwhile(texts: list[str]) -> object:
        words.embed_passages = embed
        async with both.database.transaction(request.tenant_id) as connection:
            await both.set_access(connection, request.tenant_id, request.document_id, ["geo"])
        return await embed(texts)

    words.embed_passages = closed_meanwhile
    vectors = replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions)
    built = await both.index_builder.build(vectors, ignore)
    values = {"document": request.document_id, "index": built.number}
    async with both.database.read(request.tenant_id) as connection:
        for table in ("chunk_terms", "chunk_vectors"):
            groups = text(f"select access_groups from {table} where document_id = :document and index_number = :index")
            readers = (await connection.execute(groups, values)).scalars().all()
            assert readers
            assert {tuple(each or ()) for each in readers} == {("geo",)}
