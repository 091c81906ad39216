"""The cost of monitoring: the same answers by an API process that is measured and traced, and by one that is not.

Two API processes over one database. One counts its metrics, records a tenth of its traces and exports them; in the
other no metric counts and nothing is traced. Both write the same logs and records. They are measured in short turns,
with one key. Two processes of the same code differ by up to four percent for as long as they live, so both are started
several times: reported is the mean of the starts, with its standard error, each start by the median of its turns.
Scrapes fall into few turns: what one takes is measured by itself, and counted as often as deploy/prometheus scrapes.
Run with `python -m benchmarks.monitoring_cost`; ten minutes. Close everything else.
"""

import argparse
import asyncio
import math
import os
import statistics
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
CONNECTIONS = (16, 1)
SCRAPE_SECONDS, SCRAPES = 15, 40
MAX_LOST, MAX_CPU = 0.03, 0.05
"""The limits at 16 connections: the share of throughput lost, and of the API's CPU time added."""

Turns = list[tuple[Measured, Measured]]
Share = Callable[[Measured, Measured], float]


async def main(answers: int, starts: int, rounds: int, short: bool) -> None:
    busy = round(os.getloadavg()[0], 1)
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE, queue_seconds=30)  # a slow machine refuses nothing
        chunks = PER_DOCUMENT if short else CHUNKS
        key, questions, _ = await prepare(home, urls, chunks, ("user", "admin"))
        bodies = [orjson.dumps({"question": questions[n % len(questions)]}) for n in range(answers)]
        async with collector() as traces, running("app.adapters.chat.standin") as (_, model_port):
            environment = traced_environment(home, urls.service, f"http://127.0.0.1:{model_port}/v1", traces)
            started = [await _start(environment, key, questions[0], bodies, rounds) for _ in range(starts)]
    result = {f"connections_{n}": _summary(started, n) for n in CONNECTIONS}
    busiest = result["connections_16"]
    within_limits = busiest["share_of_answers_lost"] <= MAX_LOST and busiest["share_of_api_cpu_added"] <= MAX_CPU
    facts = {"chunks": chunks, "answers_a_run": answers, "starts": starts, "rounds_a_start": rounds}
    scrape = {"cpu_ms_of_a_scrape": round(statistics.median(each.scrape_ms for each in started), 1)}
    write(
        "monitoring_cost", {**facts, "load_of_others": busy, **scrape, **result, "within_limits": within_limits}, short
    )


@dataclass(frozen=True)
class Started:
    """One start of both processes. turns: by the number of connections, the monitored one first in each pair."""

    turns: dict[int, Turns]
    scrape_ms: float

    def median(self, connections: int, share: Share) -> float:
        """Of this share in the turns, with what scrapes take of the one core that the process uses."""
        scraping = self.scrape_ms / 1000 / SCRAPE_SECONDS
        return statistics.median(share(on, off) for on, off in self.turns[connections]) + scraping


async def _start(environment: dict[str, str], key: str, question: str, bodies: list[bytes], rounds: int) -> Started:
    async with (
        running("app", "serve", environment=environment) as (api, port),
        running("benchmarks.unmonitored", environment=environment) as (bare, bare_port),
    ):
        headers = [f"authorization: Bearer {key}"]
        one, other = (Load(at, bodies, headers, {"api": it}) for it, at in ((api, port), (bare, bare_port)))
        for load in (one, other):
            await check(load.port, key, question)
        assert await _counted(port)
        assert not await _counted(bare_port)
        turns = {n: await in_turns(one, other, n, rounds) for n in CONNECTIONS}
        return Started(turns, await _cpu_ms_of_a_scrape(api, port))


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


def _summary(starts: list[Started], connections: int) -> dict[str, Any]:
    turns = [turn for start in starts for turn in start.turns[connections]]
    shares = {"share_of_answers_lost": _answers_lost, "share_of_api_cpu_added": _cpu_added}
    return {
        "answers_per_second": _middle(on[0].per_second for on, _ in turns),
        "answers_per_second_without": _middle(off[0].per_second for _, off in turns),
        "api_cpu_ms": _middle(on[1]["api"] for on, _ in turns),
        "api_cpu_ms_without": _middle(off[1]["api"] for _, off in turns),
        **{name: round(_mean(starts, connections, share), 3) for name, share in shares.items()},
        **{f"{name}_error": round(_standard_error(starts, connections, share), 3) for name, share in shares.items()},
    }


def _answers_lost(on: Measured, off: Measured) -> float:
    return 1 - on[0].per_second / off[0].per_second


def _cpu_added(on: Measured, off: Measured) -> float:
    return on[1]["api"] / max(off[1]["api"], 0.001) - 1  # a short run may be over within one tick of the CPU clock


def _mean(starts: list[Started], connections: int, share: Share) -> float:
    return statistics.fmean(start.median(connections, share) for start in starts)


def _standard_error(starts: list[Started], connections: int, share: Share) -> float:
    if len(starts) < 2:
        return 0.0
    return statistics.stdev(start.median(connections, share) for start in starts) / math.sqrt(len(starts))


def _middle(values: Iterable[float]) -> float:
    return round(statistics.median(values), 3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=400)
    parser.add_argument("--starts", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=6)
    options = arguments_of(parser)
    sizes = (20, 1, 1) if options.short else (options.answers, options.starts, options.rounds)
    asyncio.run(main(*sizes, options.short))
