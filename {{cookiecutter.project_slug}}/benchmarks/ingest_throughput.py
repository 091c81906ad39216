"""Throughput of ingestion: passages per second from upload to served, compared with the embedder alone.

Run with `python -m benchmarks.ingest_throughput [--data FOLDER]`; without it passages are generated. Five minutes.
With `--against FOLDER`, another baked service, plain files of each format are ingested by both trees of code in turns,
and only `plain_files` of the result is measured again. Ten minutes.
"""

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from app.core.logging import configure_logging
from app.wiring import State
from benchmarks.datasets import squad2
from benchmarks.harness import RESULTS, arguments_of, client_of, service, worker, write
from benchmarks.ingest_against import compare

PASSAGES = 1_000
UPLOAD = 50
ROUND = 500
SEED = 20261122


@dataclass
class Cost:
    """Wall-clock seconds, and CPU seconds of this process, its parsers and the database."""

    wall: float = 0.0
    cpu: float = 0.0

    @asynccontextmanager
    async def measured(self, state: State) -> AsyncIterator[None]:
        wall, cpu = time.perf_counter(), processor_seconds(state)
        yield
        self.wall += time.perf_counter() - wall
        self.cpu += processor_seconds(state) - cpu


async def main(data: Path | None, embedder: str, short: bool) -> None:
    configure_logging("WARNING", "console")
    texts = passages(data)[: 8 if short else PASSAGES]
    one, alone, piped = Cost(), Cost(), Cost()
    async with service(embedder=embedder) as state:
        callers = state.settings.worker_concurrency
        # In turns, so that other load on the machine affects both.
        for start in range(0, len(texts), ROUND):
            part = texts[start : start + ROUND]
            await warm(state, part[:2])
            async with one.measured(state):
                await embedder_alone(state, part, callers=1)
            async with alone.measured(state):
                await embedder_alone(state, part, callers)
            async with piped.measured(state):
                await pipeline(state, part, start)
            done = start + len(part)
            print(done, *(round(done / each.wall, 1) for each in (one, alone, piped)), flush=True)
    result = {
        "seed": SEED,
        "passages": len(texts),
        "mean_words": round(sum(len(text.split()) for text in texts) / len(texts)),
        "jobs_side_by_side": callers,
        "embedder": embedder,
        "load_average": round(os.getloadavg()[0], 1),
        "embedder_one_caller_per_second": round(len(texts) / one.wall, 1),
        "embedder_as_many_callers_as_jobs_per_second": round(len(texts) / alone.wall, 1),
        "pipeline_per_second": round(len(texts) / piped.wall, 1),
        "ratio_to_one_caller": round(one.wall / piped.wall, 3),
        "ratio_to_as_many_callers": round(alone.wall / piped.wall, 3),
        "embedder_cpu_ms_per_passage": round(alone.cpu / len(texts) * 1000, 1),
        "pipeline_cpu_ms_per_passage": round(piped.cpu / len(texts) * 1000, 1),
    }
    write("ingest_throughput", _earlier("plain_files") | result, short)


async def against(other: Path, label: str, short: bool) -> None:
    compared = {"measured_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "against": label}
    compared |= await compare(other, short)
    if short:
        print(json.dumps(compared, indent=2))
        return
    path = RESULTS / "ingest_throughput.json"
    result = json.loads(path.read_text(encoding="utf-8")) | {"plain_files": compared}
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _earlier(name: str) -> dict[str, Any]:
    path = RESULTS / "ingest_throughput.json"
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: earlier[name]} if name in earlier else {}


def processor_seconds(state: State) -> float:
    database = f" {state.database.engine.url.database} "
    seconds = time.process_time()
    children = {child.pid for child in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter(["cmdline", "cpu_times", "pid"]):
        command = " ".join(process.info["cmdline"] or [])
        if database in command or (process.pid in children and "parsers.child" in command):
            seconds += process.info["cpu_times"].user + process.info["cpu_times"].system
    return seconds


def passages(data: Path | None) -> list[str]:
    if data is not None:
        return list(squad2(data).passages.values())[:PASSAGES]
    generator = random.Random(SEED)
    vocabulary = ["".join(generator.choices("abcdefghijklmnoprstuvw", k=generator.randint(2, 9))) for _ in range(8_000)]
    return [" ".join(generator.choices(vocabulary, k=generator.randint(80, 200))) + "." for _ in range(PASSAGES)]


async def warm(state: State, texts: Sequence[str]) -> None:
    (embedder,) = state.retrieval.embedders.values()
    await embedder.embed_passages(texts)


async def embedder_alone(state: State, texts: Sequence[str], callers: int) -> None:
    """Embed one passage per call, as ingestion does."""
    (embedder,) = state.retrieval.embedders.values()
    remaining = list(texts)

    async def caller() -> None:
        while remaining:
            await embedder.embed_passages([remaining.pop()])

    await asyncio.gather(*[caller() for _ in range(callers)])


async def pipeline(state: State, texts: Sequence[str], first: int) -> None:
    """Measure from the first upload to the last publication, with a running worker."""
    async with client_of(state) as (client, _), worker(state):
        for start in range(0, len(texts), UPLOAD):
            batch = enumerate(texts[start : start + UPLOAD], first + start)
            files = [("files", (f"passage-{number}.txt", text.encode())) for number, text in batch]
            (await client.post("/v1/documents", files=files)).raise_for_status()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--against", type=Path, help="the folder of another baked service")
    parser.add_argument("--label", default="an earlier tree", help="what the other service is, for the result")
    chosen = arguments_of(parser)
    if chosen.against:
        asyncio.run(against(chosen.against.resolve(), chosen.label, chosen.short))
    else:
        asyncio.run(main(chosen.data, chosen.embedder, chosen.short))
