"""The cost of monitoring: the same answers by an API process that is measured and traced, and by one that is not.

Two API processes over one database. One counts its metrics, records a tenth of its traces and exports them; in the
other no metric counts and nothing is traced. Both write the same logs and records. They are measured in many short
turns, with one key; reported is the median of the pairs. Scrapes fall into few turns: what one takes is measured by
itself, and counted as often as deploy/prometheus scrapes.
Run with `python -m benchmarks.monitoring_cost`; six minutes. Close everything else.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil

from benchmarks.harness import arguments_of, fresh_database, house, write
from benchmarks.hot_path import (
    PER_DOCUMENT,
    PRICE,
    Load,
    Measured,
    check,
    collector,
    in_turns,
    prepare,
    traced_environment,
)
from benchmarks.load import cpu_of
from benchmarks.processes import running

CHUNKS = 1000
SCRAPE_SECONDS, SCRAPES = 15, 40
MAX_LOST, MAX_CPU = 0.03, 0.05
"""The limits at 16 connections: the share of throughput lost, and of the API's CPU time added."""


async def main(answers: int, rounds: int, short: bool) -> None:
    busy = round(os.getloadavg()[0], 1)
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE, queue_seconds=30)  # a slow machine refuses nothing
        chunks = PER_DOCUMENT if short else CHUNKS
        key, questions, postgres = await prepare(home, urls, chunks, ("user", "admin"))
        async with collector() as traces, running("app.adapters.chat.standin") as (model, model_port):
            environment = traced_environment(home, urls.service, f"http://127.0.0.1:{model_port}/v1", traces)
            async with (
                running("app", "serve", environment=environment) as (api, port),
                running("benchmarks.unmonitored", environment=environment) as (bare, bare_port),
            ):
                loads = []
                for process, at in ((api, port), (bare, bare_port)):
                    await check(at, key, questions[0])
                    bodies = [orjson.dumps({"question": questions[n % len(questions)]}) for n in range(answers)]
                    watched = {"api": process, "postgresql": postgres, "stand_in": model}
                    loads.append(Load(at, bodies, [f"authorization: Bearer {key}"], watched))
                assert await _counted(port)
                assert not await _counted(bare_port)
                pairs = {n: await in_turns(loads[0], loads[1], n, rounds) for n in (16, 1)}
                scrape_ms = await _cpu_ms_of_a_scrape(api, port)
    result = {f"connections_{n}": _summary(turns, scrape_ms) for n, turns in pairs.items()}
    busiest = result["connections_16"]
    within_limits = busiest["share_of_answers_lost"] <= MAX_LOST and busiest["share_of_api_cpu_added"] <= MAX_CPU
    facts = {"chunks": CHUNKS, "answers_a_run": answers, "rounds": rounds, "load_of_others": busy}
    facts["cpu_ms_of_a_scrape"] = round(scrape_ms, 1)
    write("monitoring_cost", {**facts, **result, "within_limits": within_limits}, short)


async def _counted(port: int) -> bool:
    """Whether the process counts its answers."""
    async with httpx.AsyncClient() as client:
        return "app_answers_total{" in (await client.get(f"http://127.0.0.1:{port}/metrics")).text


async def _cpu_ms_of_a_scrape(api: psutil.Process, port: int) -> float:
    before = cpu_of(api)
    async with httpx.AsyncClient() as client:
        for _ in range(SCRAPES):
            (await client.get(f"http://127.0.0.1:{port}/metrics", timeout=60)).raise_for_status()
    return (cpu_of(api) - before) * 1000 / SCRAPES


def _summary(pairs: list[tuple[Measured, Measured]], scrape_ms: float) -> dict[str, Any]:
    def median(values: list[float]) -> float:
        return round(statistics.median(values), 3)

    scraping = scrape_ms / 1000 / SCRAPE_SECONDS  # of the one core that the process uses
    return {
        "answers_per_second": median([on[0].per_second for on, _ in pairs]),
        "answers_per_second_without": median([off[0].per_second for _, off in pairs]),
        "share_of_answers_lost": median([1 - on[0].per_second / off[0].per_second + scraping for on, off in pairs]),
        "api_cpu_ms": median([on[1]["api"] for on, _ in pairs]),
        "api_cpu_ms_without": median([off[1]["api"] for _, off in pairs]),
        # A short run may be over within one tick of the CPU clock.
        "share_of_api_cpu_added": median(
            [on[1]["api"] / max(off[1]["api"], 0.001) - 1 + scraping for on, off in pairs]
        ),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=30)
    options = arguments_of(parser)
    asyncio.run(main(*((20, 1) if options.short else (options.answers, options.rounds)), options.short))
