"""How the time of POST /v1/search grows from 10,000 to 500,000 chunks, with text search only and hybrid.

The vector index covers the chunks of all sizes together. Loading and building it beside other work takes longer.
Run with `python -m benchmarks.search_scale --data FOLDER --sizes 10000,100000,500000`; FOLDER holds squad2/. Half an
hour; with the default sizes, 10000,100000, a few minutes.
"""

import argparse
import asyncio
import itertools
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from app.core.clock import Deadline
from app.retrieval.domain import SearchParams, Vector
from app.retrieval.repository.search_queries import SearchQuery, search
from app.wiring import State
from benchmarks.bulk import Maker, load
from benchmarks.datasets import RankingSet, add_data, squad2
from benchmarks.harness import arguments_of, client_of, service, write
from benchmarks.measures import percentile

WARM, ASKED = 200, 400
EMBEDDED = 400
COMPARED = 40


@dataclass
class Corpus:
    """A tenant with `size` chunks, and the times of its questions in milliseconds."""

    size: int
    tenant_id: UUID
    client: httpx.AsyncClient
    load_seconds: float
    times: list[float] = field(default_factory=list)


async def main(data: Path | None, sizes: list[int], embedders: list[str], short: bool) -> None:
    source = squad2(data)
    result: dict[str, Any] = {}
    for embedder in embedders:
        async with service(embedder=embedder, log_level="WARNING") as state, AsyncExitStack() as stack:
            corpora = [await fill(state, stack, source, size) for size in sizes]
            start_time = time.perf_counter()
            graphs = await state.retrieval.vector_indexes.create_missing(state.urls.owner, lambda done, total: None)
            seconds = time.perf_counter() - start_time
            await ask(corpora, source, *((2, 4) if short else (WARM, ASKED)))
            results = {str(corpus.size): await summary(state, source, corpus) for corpus in corpora}
        first, last = (results[str(size)]["p50_ms"] for size in (sizes[0], sizes[-1]))
        extra = {"vector_index_seconds": round(seconds, 1)} if graphs else {}
        result["bm25" if embedder == "none" else "hybrid"] = results | extra | {"p50_ratio": round(last / first, 2)}
    write("search_scale", result, short)


async def fill(state: State, stack: AsyncExitStack, source: RankingSet, size: int) -> Corpus:
    client, tenant_id = await stack.enter_async_context(client_of(state, f"chunks-{size}"))
    index = await state.retrieval.indexes.live()
    maker = Maker(source, await vectors(state, source))
    start_time = time.perf_counter()
    await asyncio.to_thread(load, state.urls.owner, index, tenant_id, maker.make(size))
    return Corpus(size, tenant_id, client, time.perf_counter() - start_time)


async def ask(corpora: list[Corpus], source: RankingSet, warm: int, compared: int) -> None:
    """Send the same questions to every corpus in turns, so that other load on the machine affects all alike."""
    questions = itertools.cycle(text for text, _ in source.questions[::7])
    for number in range(warm + compared):
        text = next(questions)
        for place, corpus in enumerate(corpora):
            # Each question is new, so that no vector is cached.
            body = {"query": f"{text} {'?' * (number // 400 * len(corpora) + place)}"}
            start_time = time.perf_counter()
            reply = await corpus.client.post("/v1/search", json=body)
            if number >= warm:
                corpus.times.append((time.perf_counter() - start_time) * 1000)
            assert reply.json()["passages"]


async def summary(state: State, source: RankingSet, corpus: Corpus) -> dict[str, Any]:
    times = corpus.times
    return {
        "p50_ms": round(percentile(times, 0.5), 2),
        "p95_ms": round(percentile(times, 0.95), 2),
        "load_seconds": round(corpus.load_seconds, 1),
        "same_top_ten_as_exact": await agreement(state, source, corpus.tenant_id),
    }


async def agreement(state: State, source: RankingSet, tenant_id: UUID) -> float:
    """The share of the ten best results that an exhaustive search returns too."""
    index = await state.retrieval.indexes.live()
    everything = SearchParams(budget=10**6, exact_vectors=10**9)
    same = compared = 0
    for text, _ in source.questions[:: max(1, len(source.questions) // COMPARED)]:
        vector = (
            await state.retrieval.query_embeddings.vector(tenant_id, index, text, Deadline.after(30, state.clock))
        ).vector
        results = []
        for params in (state.retrieval.params, everything):
            question = SearchQuery(tenant_id, index, text, vector, [], 10, params)
            results.append({passage.chunk_id for passage in (await search(state.database, question)).passages})
        same, compared = same + len(results[0] & results[1]), compared + len(results[1])
    return round(same / compared, 3)


async def vectors(state: State, source: RankingSet) -> list[Vector]:
    embedder = next(iter(state.retrieval.embedders.values()))
    texts = list(source.passages.values())[:EMBEDDED]
    await embedder.embed_query("warm up", Deadline.after(30, state.clock))
    return list((await embedder.embed_passages(texts)).vectors)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data(parser)
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--embedders", default="none,minilm")
    options = arguments_of(parser)
    sizes = [20, 40] if options.short else [int(size) for size in options.sizes.split(",")]
    asyncio.run(main(options.data, sizes, options.embedders.split(","), options.short))
