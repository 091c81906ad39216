"""The cost of monitoring: the same answers by an API process that is measured and traced, and by one that is not.

Two API processes over one database. One counts its metrics, records a tenth of its traces, exports them and is scraped
as often as deploy/prometheus says; in the other no metric counts and nothing is traced. Both write the same logs and
records. They are measured in turns, with one key, and compared by their means: a scrape falls into some turns only.
Run with `python -m benchmarks.monitoring_cost`; four minutes. Close everything else.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import orjson

from app.settings import Settings
from app.wiring import build
from benchmarks.harness import arguments_of, fresh_database, house, write
from benchmarks.hot_path import PER_DOCUMENT, PRICE, Load, check, collector, fill, postmaster
from benchmarks.load import Run
from benchmarks.processes import running

CHUNKS = 1000
SCRAPE_SECONDS = 15.0
MAX_LOST, MAX_CPU = 0.03, 0.05
"""The limits at 16 connections: the share of throughput lost, and of the API's CPU time added."""

Measured = tuple[Run, dict[str, float]]


async def main(answers: int, rounds: int, short: bool) -> None:
    busy = round(os.getloadavg()[0], 1)
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE, queue_seconds=30)  # a slow machine refuses nothing
        settings = Settings(root=home, data_dir=home, embedder="none", _env_file=None)
        async with build(settings, urls) as state:
            tenant = await state.identity.ensure_tenant("bench")
            key = (await state.identity.create_key(tenant, "bench", ["user", "admin"])).text
            questions = await fill(state, tenant, PER_DOCUMENT if short else CHUNKS)
            postgres = await postmaster(state)
        async with collector() as traces, running("app.adapters.chat.standin") as (model, model_port):
            chain = [{"model": "stand-in", "base_url": f"http://127.0.0.1:{model_port}/v1"}]
            environment = {
                "DATABASE_URL": urls.service,
                "APP_ROOT": str(home),
                "APP_DATA_DIR": str(home),
                "APP_EMBEDDER": "none",
                "APP_MODEL_CHAIN": orjson.dumps(chain).decode(),
                "APP_TRACES": "otlp",
                "APP_OTLP_ENDPOINT": f"http://127.0.0.1:{traces}/v1/traces",
            }
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
                async with _scraped(port):
                    result = {f"connections_{n}": await _compare(loads[0], loads[1], n, rounds) for n in (16, 1)}
    busiest = result["connections_16"]
    within_limits = busiest["share_of_answers_lost"] <= MAX_LOST and busiest["share_of_api_cpu_added"] <= MAX_CPU
    facts = {"chunks": CHUNKS, "answers_a_run": answers, "rounds": rounds, "load_of_others": busy}
    write("monitoring_cost", {**facts, **result, "within_limits": within_limits}, short)


async def _counted(port: int) -> bool:
    """Whether the process counts its answers."""
    async with httpx.AsyncClient() as client:
        return "app_answers_total{" in (await client.get(f"http://127.0.0.1:{port}/metrics")).text


@asynccontextmanager
async def _scraped(port: int) -> AsyncIterator[None]:
    async def scrape() -> None:
        async with httpx.AsyncClient() as client:
            while True:
                (await client.get(f"http://127.0.0.1:{port}/metrics", timeout=60)).raise_for_status()
                await asyncio.sleep(SCRAPE_SECONDS)

    task = asyncio.create_task(scrape())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _compare(watched: Load, bare: Load, connections: int, rounds: int) -> dict[str, Any]:
    pairs: list[tuple[Measured, Measured]] = []
    for number in range(rounds + 1):
        # Each goes first in every second round; the first round warms up.
        first, second = (watched, bare) if number % 2 else (bare, watched)
        results = {id(load): await load.run(connections) for load in (first, second)}
        if number:
            pairs.append((results[id(watched)], results[id(bare)]))
    return _summary(pairs)


def _summary(pairs: list[tuple[Measured, Measured]]) -> dict[str, Any]:
    # Every turn has as many answers: the harmonic mean is all answers by all seconds.
    rate, rate_without = (statistics.harmonic_mean([pair[side][0].per_second for pair in pairs]) for side in (0, 1))
    cpu, cpu_without = (statistics.fmean([pair[side][1]["api"] for pair in pairs]) for side in (0, 1))
    return {
        "answers_per_second": round(rate, 1),
        "answers_per_second_without": round(rate_without, 1),
        "share_of_answers_lost": round(1 - rate / rate_without, 3),
        "api_cpu_ms": round(cpu, 3),
        "api_cpu_ms_without": round(cpu_without, 3),
        # A short run may be over within one tick of the CPU clock.
        "share_of_api_cpu_added": round(cpu / max(cpu_without, 0.001) - 1, 3),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=10)
    options = arguments_of(parser)
    asyncio.run(main(*((20, 1) if options.short else (options.answers, options.rounds)), options.short))
