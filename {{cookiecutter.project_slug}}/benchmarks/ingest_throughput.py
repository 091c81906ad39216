"""Is the pipeline the brake? Passages per second from upload to served, against the embedder alone in one process.

Run with `python -m benchmarks.ingest_throughput [--data FOLDER]`; without a folder passages are made up. Five minutes.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path

from app.core.jobs import Worker
from app.core.logging import configure_logging
from app.wiring import State
from benchmarks.datasets import squad2
from benchmarks.harness import client_of, service, write

PASSAGES = 1_000
UPLOAD = 50
ROUND = 250
SEED = 20261122


async def main(data: Path | None, embedder: str) -> None:
    configure_logging("WARNING", "console")
    texts = passages(data)
    async with service(embedder=embedder) as state:
        callers = state.settings.worker_concurrency
        spent = {"one": 0.0, "alone": 0.0, "pipeline": 0.0}
        # In turns, so that whatever else the machine does falls on all of them.
        for start in range(0, len(texts), ROUND):
            part = texts[start : start + ROUND]
            spent["one"] += await embedder_alone(state, part, callers=1)
            spent["alone"] += await embedder_alone(state, part, callers)
            spent["pipeline"] += await pipeline(state, part, start)
            print({name: round((start + len(part)) / seconds, 1) for name, seconds in spent.items()}, flush=True)
    # Without the embedder only the pipeline is left: what it costs by itself.
    async with service(embedder="none") as state:
        bare = await pipeline(state, texts, 0)
    result = {
        "seed": SEED,
        "passages": len(texts),
        "mean_words": round(sum(len(text.split()) for text in texts) / len(texts)),
        "jobs_side_by_side": callers,
        "embedder": embedder,
        "embedder_alone_one_caller_per_second": round(len(texts) / spent["one"], 1),
        "embedder_alone_per_second": round(len(texts) / spent["alone"], 1),
        "pipeline_per_second": round(len(texts) / spent["pipeline"], 1),
        "pipeline_without_embedder_per_second": round(len(texts) / bare, 1),
        "ratio": round(spent["alone"] / spent["pipeline"], 3),
        "ratio_to_one_caller": round(spent["one"] / spent["pipeline"], 3),
    }
    write("ingest_throughput", result)


def passages(data: Path | None) -> list[str]:
    if data is not None:
        return list(squad2(data).passages.values())[:PASSAGES]
    generator = random.Random(SEED)
    vocabulary = ["".join(generator.choices("abcdefghijklmnoprstuvw", k=generator.randint(2, 9))) for _ in range(8_000)]
    return [" ".join(generator.choices(vocabulary, k=generator.randint(80, 200))) + "." for _ in range(PASSAGES)]


async def embedder_alone(state: State, texts: Sequence[str], callers: int) -> float:
    """Seconds for all of them; each caller has one passage at a time, as documents come."""
    (embedder,) = state.retrieval.embedders.values()
    await embedder.embed_passages(texts[:2])
    waiting = list(texts)

    async def caller() -> None:
        while waiting:
            await embedder.embed_passages([waiting.pop()])

    started = time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(callers)])
    return time.perf_counter() - started


async def pipeline(state: State, texts: Sequence[str], first: int) -> float:
    """Seconds from the first upload to the last publish; the worker runs meanwhile."""
    async with client_of(state) as (client, _):
        started = time.perf_counter()
        worker = asyncio.create_task(Worker(state.database, state.jobs, state.settings.worker_concurrency).run())
        for start in range(0, len(texts), UPLOAD):
            batch = enumerate(texts[start : start + UPLOAD], first + start)
            files = [("files", (f"passage-{number}.txt", text.encode())) for number, text in batch]
            (await client.post("/v1/documents", files=files)).raise_for_status()
        while await waiting(client):  # noqa: ASYNC110  the work is in another process's queue
            await asyncio.sleep(0.1)
        seconds = time.perf_counter() - started
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    return seconds


async def waiting(client: object) -> bool:
    for status in ("received", "processing"):
        reply = await client.get("/v1/documents", params={"status": status, "limit": 1})  # type: ignore[attr-defined]
        if reply.json()["items"]:
            return True
    return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--embedder", default="minilm")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.data, chosen.embedder))
