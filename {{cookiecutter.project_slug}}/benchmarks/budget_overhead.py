"""The cost of reserving and settling money: the same answers by a model with a price and by a free one.

Two API processes over two databases that hold the same 1,000 chunks. In one the model has a price, and the service and
the tenant have limits by day and by month; in the other it is local, so that nothing is reserved or settled. They are
measured in turns, with one key. Run with `python -m benchmarks.budget_overhead`; four minutes. Close everything else.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil

from app.core.embedded import Urls
from benchmarks.harness import arguments_of, environment_of, fresh_databases, house, write
from benchmarks.hot_path import PER_DOCUMENT, PRICE, Load, Measured, check, in_turns, prepare
from benchmarks.processes import running

CHUNKS = 1000
FREE = "stand-in: {local: true}"
LIMITS = """budgets:
  service_daily_usd: 100000
  tenant_daily_usd: 100000
  tenant_monthly_usd: 1000000"""
MAX_LOST, MAX_CPU_MS = 0.15, 1.0
"""The limits at 16 connections: the share of throughput lost, and CPU milliseconds of the API per answer."""


async def main(answers: int, rounds: int, short: bool) -> None:
    busy = round(os.getloadavg()[0], 1)
    with fresh_databases(2) as (with_money, without):
        result = await _measure(with_money, without, answers, rounds, PER_DOCUMENT if short else CHUNKS)
    busiest = result["connections_16"]
    within_limits = busiest["share_of_answers_lost"] <= MAX_LOST and busiest["api_cpu_ms_of_money"] <= MAX_CPU_MS
    result["within_limits"] = within_limits
    write("budget_overhead", {"chunks": CHUNKS, "answers_a_run": answers, "load_of_others": busy, **result}, short)


async def _measure(with_money: Urls, without: Urls, answers: int, rounds: int, chunks: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        model, port = await stack.enter_async_context(running("app.adapters.chat.standin"))
        upstream = f"http://127.0.0.1:{port}/v1"
        paid = await stack.enter_async_context(_service(with_money, PRICE, upstream, model, answers, chunks))
        free = await stack.enter_async_context(_service(without, FREE, upstream, model, answers, chunks))
        return {f"connections_{n}": _summary(await in_turns(paid, free, n, rounds)) for n in (16, 1)}


@asynccontextmanager
async def _service(
    urls: Urls, price: str, upstream: str, model: psutil.Process, answers: int, chunks: int
) -> AsyncIterator[Load]:
    with tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), price, queue_seconds=30)  # a slow machine refuses nothing
        cost = home / "policies" / "cost.yaml"
        cost.write_text(cost.read_text().replace("budgets:\n", f"{LIMITS}\n"))
        key, questions, postgres = await prepare(home, urls, chunks)
        environment = environment_of(home, urls.service, upstream)
        async with running("app", "serve", environment=environment) as (api, port):
            await check(port, key, questions[0])
            bodies = [orjson.dumps({"question": questions[n % len(questions)]}) for n in range(answers)]
            watched = {"api": api, "postgresql": postgres, "stand_in": model}
            yield Load(port, bodies, [f"authorization: Bearer {key}"], watched)


def _summary(pairs: list[tuple[Measured, Measured]]) -> dict[str, Any]:
    def median(values: list[float]) -> float:
        return round(statistics.median(values), 3)

    lost = median([1 - with_money[0].per_second / without[0].per_second for with_money, without in pairs])
    added = median([with_money[1]["api"] - without[1]["api"] for with_money, without in pairs])
    return {
        "answers_per_second": median([with_money[0].per_second for with_money, _ in pairs]),
        "answers_per_second_without": median([without[0].per_second for _, without in pairs]),
        "share_of_answers_lost": lost,
        "api_cpu_ms": median([with_money[1]["api"] for with_money, _ in pairs]),
        "api_cpu_ms_without": median([without[1]["api"] for _, without in pairs]),
        "api_cpu_ms_of_money": added,
        "postgresql_cpu_ms_of_money": median([p[1]["postgresql"] - f[1]["postgresql"] for p, f in pairs]),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=8)
    options = arguments_of(parser)
    asyncio.run(main(*((20, 1) if options.short else (options.answers, options.rounds)), options.short))
