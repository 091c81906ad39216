"""A build beside a publish."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from tests.clock import until
from tests.retrieval.test_indexes import (
    World,
    ask,
    caller,
    ended_or_waits,
    go_to,
    home,
    ignore,
    in_flight,
    put,
    text_of,
    words,
)

__all__ = ["caller", "home", "words"]


async def test_a_build_does_not_bring_back_what_a_publish_is_replacing(
    state, home, retrieval, request_of, caller, words
):
    both = World(state, *retrieval.embedders.values(), words).retrieval
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
        await until(partial(ended_or_waits, both, building))
    await go_to(both, (await building).number)
    found = await ask(both, caller, "topic1 topic2")
    assert {passage.version for passage in found.passages} == {2}
