"""The cost of the audit log: appending from several connections at once, and verifying a long log.

Run with `python -m benchmarks.audit_log [--lines 300000]`. A minute.
"""

import argparse
import asyncio
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from app.core import audit
from app.core.audit import GENESIS, Act, Line, Verified
from app.wiring import State
from benchmarks.harness import arguments_of, service, write
from benchmarks.measures import percentile

WRITERS, ACTS = 8, 2000
NAMES = [field.name for field in fields(Line)]


async def main(lines: int, short: bool) -> None:
    async with service(embedder="none", log_level="WARNING") as state:
        appended = await append(state, WRITERS * 2 if short else ACTS)
        fill(state.urls.owner, lines)
        verified = await verify(state, lines)
    write("audit_log", {"writers": WRITERS, "appended": appended, "verified": verified}, short)


async def append(state: State, acts: int) -> dict[str, float]:
    """Append in transactions with one entry each: the maximum throughput of the single lock."""
    times: list[float] = []

    async def write_some(name: str) -> None:
        for number in range(acts // WRITERS):
            start = time.perf_counter()
            async with state.database.transaction(None) as connection:
                await audit.record(connection, Act(name, "bench.act", f"thing {number}"), state.clock.now())
            times.append((time.perf_counter() - start) * 1000)

    start = time.perf_counter()
    await asyncio.gather(*(write_some(f"writer {number}") for number in range(WRITERS)))
    seconds = time.perf_counter() - start
    return {
        "acts": acts,
        "acts_per_second": round(acts / seconds, 1),
        "p50_ms": round(percentile(times, 0.5), 2),
        "p99_ms": round(percentile(times, 0.99), 2),
    }


def fill(owner: str, lines: int) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute("alter table audit_log disable trigger audit_log_frozen")
        connection.execute("truncate audit_log")
        connection.execute("alter table audit_log enable trigger audit_log_frozen")
        with connection.cursor().copy(f"copy audit_log ({', '.join(NAMES)}) from stdin") as copy:
            for line in chain(lines):
                copy.write_row(tuple(getattr(line, name) for name in NAMES))


def chain(lines: int) -> Iterator[Line]:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    line = Line(0, at, "ana", "bench.act", "thing", "a" * 64, "b" * 64, "because", "c" * 32, None, "", GENESIS)
    for number in range(1, lines + 1):
        line = replace(line, sequence=number, previous=line.hash)
        line = replace(line, hash=line.computed())
        yield line


async def verify(state: State, lines: int) -> dict[str, Any]:
    start = time.perf_counter()
    verified = await state.audit.inspect()
    seconds = time.perf_counter() - start
    assert isinstance(verified, Verified), verified
    assert verified.lines == lines
    tracemalloc.start()
    await state.audit.inspect()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "lines": lines,
        "seconds": round(seconds, 1),
        "lines_per_second": round(lines / seconds),
        "max_memory_megabytes": round(peak / 1e6, 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=300_000)
    options = arguments_of(parser)
    asyncio.run(main(200 if options.short else options.lines, options.short))
