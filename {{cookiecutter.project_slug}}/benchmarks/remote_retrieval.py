"""What an answer costs when retrieval runs in a process of its own, beside the same answer without.

Two APIs on one database, alike but for APP_RETRIEVAL_URL, answer the same questions in turns, with the bundled embedder
and a stand-in for the provider without delay. The vectors of the questions are cached after the first round, so that
what differs is the call between the processes. Memory is that of each process after the runs.
Run with `python -m benchmarks.remote_retrieval`; three minutes. Close everything else.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import orjson
import psutil

from app.settings import Settings
from app.wiring import build
from benchmarks.harness import arguments_of, fresh_database, house, write
from benchmarks.hot_path import PER_DOCUMENT, PRICE, Load, check, fill, postmaster
from benchmarks.processes import running

CHUNKS = 500
KEY = "benchmark-room-key-" * 2


async def main(answers: int, chunks: int, rounds: int, short: bool) -> None:
    busy = round(os.getloadavg()[0], 1)
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE)
        async with build(Settings(root=home, data_dir=home, _env_file=None), urls) as state:
            tenant = await state.identity.ensure_tenant("bench")
            key = (await state.identity.create_key(tenant, "bench", ["user"])).text
            questions = await fill(state, tenant, chunks)
            postgres = await postmaster(state)
        chosen = [questions[n % len(questions)] for n in range(answers)]
        result = await _measure(home, urls.service, key, chosen, rounds, postgres)
        write("remote_retrieval", {"chunks": chunks, "answers": answers, "load_of_others": busy, **result}, short)


async def _measure(
    home: Path, url: str, key: str, questions: list[str], rounds: int, postgres: psutil.Process
) -> dict[str, Any]:
    async with running("app.adapters.chat.standin") as (_, model_port):
        models = [{"model": "stand-in", "base_url": f"http://127.0.0.1:{model_port}/v1"}]
        common = {
            "DATABASE_URL": url,
            "APP_ROOT": str(home),
            "APP_DATA_DIR": str(home),
            "APP_ROOM_KEY": KEY,
            "APP_MODEL_CHAIN": orjson.dumps(models).decode(),
        }
        room = running("app", "serve", "--only", "retrieval", environment=common)
        async with room as (retrieval, port), running("app", "serve", environment=common) as (whole, whole_port):
            away = common | {"APP_RETRIEVAL_URL": f"http://127.0.0.1:{port}"}
            async with running("app", "serve", environment=away) as (api, api_port):
                for each in (whole_port, api_port):
                    await check(each, key, questions[0])
                bodies, headers = (
                    [orjson.dumps({"question": each}) for each in questions],
                    [f"authorization: Bearer {key}"],
                )
                inside = Load(whole_port, bodies, headers, {"api": whole, "postgresql": postgres})
                remote = Load(api_port, bodies, headers, {"api": api, "retrieval": retrieval, "postgresql": postgres})
                result = {f"connections_{each}": await _compare(inside, remote, each, rounds) for each in (1, 16)}
                processes = {"api_with_retrieval": whole, "api_without": api, "retrieval": retrieval}
                return result | {"memory_mb": {name: _memory(each) for name, each in processes.items()}}


async def _compare(inside: Load, remote: Load, connections: int, rounds: int) -> dict[str, Any]:
    """The medians of the rounds after the first, which warms up caches, pools and the processor."""
    runs = []
    for number in range(rounds + 1):
        pair = await inside.run(connections), await remote.run(connections)
        runs += [pair] * bool(number)

    def middle(values: list[float]) -> float:
        return round(statistics.median(values), 3)

    def side(place: int) -> dict[str, float]:
        cpu = {name: middle([pair[place][1][name] for pair in runs]) for name in runs[0][place][1]}
        times = {
            f"p{round(share * 100)}_ms": middle([pair[place][0].ms(share) for pair in runs]) for share in (0.5, 0.99)
        }
        rate = middle([pair[place][0].per_second for pair in runs])
        return {**times, "answers_per_second": rate, **{f"{name}_cpu_ms": spent for name, spent in cpu.items()}}

    def total(pair: Any, place: int) -> float:
        return float(sum(pair[place][1].values()))

    return {
        "in_process": side(0),
        "remote": side(1),
        "added_p50_ms": middle([far.ms(0.5) - near.ms(0.5) for (near, _), (far, _) in runs]),
        "added_cpu_ms": middle([total(pair, 1) - total(pair, 0) for pair in runs]),
        "cpu_ratio": middle([total(pair, 1) / max(total(pair, 0), 0.001) for pair in runs]),
    }


def _memory(process: psutil.Process) -> int:
    return int(process.memory_info().rss // 2**20)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--chunks", type=int, default=CHUNKS)
    parser.add_argument("--rounds", type=int, default=5)
    options = arguments_of(parser)
    sizes = (10, PER_DOCUMENT, 1) if options.short else (options.answers, options.chunks, options.rounds)
    asyncio.run(main(*sizes, options.short))
