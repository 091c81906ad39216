"""How many bytes of the database a chunk takes, with its words, its vector and their indexes.

Chunks of five sentences, about 130 words, are inserted into a fresh database. Original files are stored beside them, in
about their own size. Run with `python -m benchmarks.disk_use --data FOLDER [--chunks 50000]`; FOLDER holds squad2/. Two
minutes.
"""

import argparse
import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg

from app.wiring import State
from benchmarks.datasets import add_data, squad2
from benchmarks.harness import arguments_of, service, write
from benchmarks.search_scale import fill

SIZES = """
select relname, pg_total_relation_size(oid) from pg_class
where relkind = 'r' and relnamespace = 'public'::regnamespace
"""


async def main(data: Path | None, chunks: int, short: bool) -> None:
    source = squad2(data)
    result: dict[str, Any] = {"chunks": chunks}
    for embedder in ("none", "minilm"):
        async with service(embedder=embedder, log_level="WARNING") as state, AsyncExitStack() as stack:
            before = sizes(state)
            await fill(state, stack, source, chunks)
            await state.retrieval.vector_indexes.create_missing(state.urls.owner, lambda done, total: None)
            grown = {name: size - before[name] for name, size in sizes(state).items() if size > before[name]}
        largest = sorted(grown.items(), key=lambda item: -item[1])[:5]
        result["words_alone" if embedder == "none" else "words_and_vectors"] = {
            "bytes_per_chunk": round(sum(grown.values()) / chunks),
            "by_table": {name: round(size / chunks) for name, size in largest},
        }
    write("disk_use", result, short)


def sizes(state: State) -> dict[str, int]:
    with psycopg.connect(state.urls.owner) as connection:
        return dict(connection.execute(SIZES).fetchall())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data(parser)
    parser.add_argument("--chunks", type=int, default=50_000)
    options = arguments_of(parser)
    asyncio.run(main(options.data, 40 if options.short else options.chunks, options.short))
