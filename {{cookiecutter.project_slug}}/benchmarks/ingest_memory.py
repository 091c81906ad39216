"""Memory of a worker: idle with the embedder loaded, and the peaks of its start and of ingestion.

Each kind of document is generated and ingested by its own worker process.

Run with `python -m benchmarks.ingest_memory [--characters 300000]`. Two minutes, and ten for 3,000,000.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from app.core.embedded import Urls
from app.core.logging import configure_logging
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import ROOT, client_of, fresh_databases, write
from benchmarks.processes import ANY_PORT

SEED = 20261128
POLL_SECONDS = 0.02
LIMIT_MB = 400
Kind = Callable[[random.Random, int], Iterator[tuple[str, str]]]


def word(generator: random.Random) -> str:
    return "".join(generator.choices("abcdefghijklmnoprstuvw", k=generator.randint(2, 9)))


def words(generator: random.Random, characters: int) -> str:
    vocabulary = [word(generator) for _ in range(8_000)]
    return " ".join(generator.choices(vocabulary, k=characters // 6))[:characters]


def pages(generator: random.Random, characters: int) -> Iterator[tuple[str, str]]:
    for number in range(100):
        yield f"page-{number}.txt", words(generator, characters // 1_500)


def prose_on_one_line(generator: random.Random, characters: int) -> Iterator[tuple[str, str]]:
    yield "line.txt", words(generator, characters)


def without_spaces(generator: random.Random, characters: int) -> Iterator[tuple[str, str]]:
    yield "coded.txt", base64.b64encode(generator.randbytes(characters * 3 // 4)).decode()


def tiny_paragraphs(generator: random.Random, characters: int) -> Iterator[tuple[str, str]]:
    yield "paragraphs.txt", words(generator, characters).replace(" ", "\n\n")


def record_on_one_line(generator: random.Random, characters: int) -> Iterator[tuple[str, str]]:
    yield "record.jsonl", json.dumps({"id": 1, "text": words(generator, characters)})


def table(generator: random.Random, characters: int) -> Iterator[tuple[str, str]]:
    rows = (f"{number},{word(generator)},{word(generator)},{word(generator)}" for number in range(characters // 24))
    yield "table.csv", "number,name,place,owner\n" + "\n".join(rows)


def one_word_over_and_over(_: random.Random, characters: int) -> Iterator[tuple[str, str]]:
    yield "repeated.txt", "lamp " * (characters // 5)


KINDS: tuple[Kind, ...] = (
    pages,
    prose_on_one_line,
    without_spaces,
    tiny_paragraphs,
    record_on_one_line,
    table,
    one_word_over_and_over,
)


async def main(characters: int, short: bool, only: str | None) -> None:
    configure_logging("WARNING", "console")
    chosen = [kind for kind in KINDS if only in (None, kind.__name__)][: 1 if short else None]
    results = {}
    with fresh_databases(len(chosen)) as databases:
        for kind, urls in zip(chosen, databases, strict=True):
            results[kind.__name__] = await measured(kind, characters, urls)
            print(kind.__name__, results[kind.__name__], flush=True)
    result = {
        "seed": SEED,
        "characters": characters,
        "limit_mb": LIMIT_MB,
        "start_peak_mb": max(each["start_peak_mb"] for each in results.values()),
        "idle_mb": max(each["idle_mb"] for each in results.values()),
        "peak_mb": max(each["peak_mb"] for each in results.values()),
        "kinds": results,
    }
    if only or short:
        print(json.dumps(result, indent=2))
    else:
        write("ingest_memory", result)


async def measured(kind: Kind, characters: int, urls: Urls) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(root=ROOT, data_dir=Path(folder), embedder="none", _env_file=None)
        environment = ANY_PORT | {"DATABASE_URL": urls.service, "APP_ROOT": str(ROOT), "APP_DATA_DIR": folder}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("APP_")}
        async with build(settings.model_copy(update={"embedder": "minilm"}), urls) as state:
            command = [sys.executable, "-m", "app", "worker"]
            worker = psutil.Popen(
                command, cwd=ROOT, env=inherited | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                # The first document makes the worker load the weights; its idle size is measured after that.
                start = await ingest_and_watch(state, [("first.txt", "The lamp is lit at dusk by the keeper.")], worker)
                await asyncio.sleep(1)
                idle = worker.memory_info().rss
                started, cpu_seconds = time.perf_counter(), sum(worker.cpu_times()[:2])
                peak = await ingest_and_watch(state, list(kind(random.Random(SEED), characters)), worker)
                seconds, cpu_seconds = time.perf_counter() - started, sum(worker.cpu_times()[:2]) - cpu_seconds
                return {
                    "start_peak_mb": round(start / 1e6),
                    "idle_mb": round(idle / 1e6),
                    "peak_mb": round(peak / 1e6),
                    "seconds": round(seconds, 1),
                    "cpu_seconds": round(cpu_seconds, 1),
                }
            finally:
                worker.terminate()
                worker.wait(20)


async def ingest_and_watch(state: State, documents: list[tuple[str, str]], worker: psutil.Popen) -> int:
    """Upload, wait until each document is finished, and return the peak bytes of the worker."""
    peak = 0
    async with client_of(state) as (client, _):
        files = [("files", (name, text.encode())) for name, text in documents]
        (await client.post("/v1/documents", files=files)).raise_for_status()
        while await _waiting(state):
            peak = max(peak, worker.memory_info().rss)
            await asyncio.sleep(POLL_SECONDS)
    return max(peak, worker.memory_info().rss)


async def _waiting(state: State) -> bool:
    query = "select exists (select 1 from procrastinate_jobs where status in ('todo', 'doing'))"
    async with state.database.pool.connection() as connection:
        row = await (await connection.execute(query)).fetchone()
    return bool(row and row[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--characters", type=int, default=300_000, help="characters of the documents of each kind")
    parser.add_argument("--short", action="store_true", help="one short document; no result is written")
    parser.add_argument("--only", choices=[kind.__name__ for kind in KINDS], help="one kind only; no result is written")
    options = parser.parse_args()
    asyncio.run(main(2_000 if options.short else options.characters, options.short, options.only))
