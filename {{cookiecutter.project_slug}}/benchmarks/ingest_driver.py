"""Ingests files in one tree of code, for comparison with another: `python ingest_driver.py`, in the folder of the tree.

A line of standard input is the path of a file; the answer is a line with the CPU seconds of its parser and of its whole
way from upload to publication. Nothing is embedded, which takes the same time in every tree.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

from app.adapters.parsers.child_protocol import decoded, encoded
from app.adapters.parsers.dispatch import parse
from app.core.logging import configure_logging
from app.wiring import State
from benchmarks.harness import client_of, service, work_off
from benchmarks.ingest_throughput import processor_seconds


async def main() -> None:
    configure_logging("ERROR", "console")
    async with service(embedder="none") as state:
        print(json.dumps({"ready": True}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await measured(state, *_file(line.strip()))), flush=True)


def _file(path: str) -> tuple[str, bytes]:
    return Path(path).name, Path(path).read_bytes()


async def measured(state: State, name: str, data: bytes) -> dict[str, float]:
    started = time.process_time()
    decoded(json.loads(json.dumps(encoded(parse(data, name, repair=False)))))
    parsed = time.process_time() - started
    before, wall = seconds_used(state), time.perf_counter()
    async with client_of(state) as (client, _):
        (await client.post("/v1/documents", files=[("files", (name, data))])).raise_for_status()
        await work_off(state)
        held_back = (await client.get("/v1/quarantine")).raise_for_status().json()
    return {
        "parser_cpu_s": parsed,
        "whole_cpu_s": seconds_used(state) - before,
        "whole_wall_s": time.perf_counter() - wall,
        "quarantined": len(held_back.get("items", ())),
    }


def seconds_used(state: State) -> float:
    """Also of parsers that ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return processor_seconds(state) + ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    asyncio.run(main())
