"""A build during a publish."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

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
