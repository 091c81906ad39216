"""Two API processes beside one: the answers per second of both, and the CPU time of an answer.

The same answers with everything on, over 16 connections: all to one process, and half of them to each of two, in short
turns. Each process uses one core, and the database, the stand-in for the provider and the load need some too, so that
two processes are faster where there are cores for them. `cores_busy` is the processor time of all of them in a second.
A process that is not busy all the time takes more of it for an answer, whether there is another one or not: it wakes up
for each event, and finds its caches cold. So one process alone is measured at the rate of each of the two as well
(`one_at_that_rate`), and `api_cpu_ratio` compares the two with it.
Run with `python -m benchmarks.process_scale`; two minutes. Close everything else.
"""

import argparse
import asyncio
import math
import os
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchmarks.harness import arguments_of, fresh_database, house, write
from benchmarks.hot_path import PER_DOCUMENT, PRICE, Load, check, collector, prepare, traced_environment
from benchmarks.processes import running

CHUNKS, CONNECTIONS = 10_000, 16

Turn = dict[str, float]
Round = dict[str, Turn]


async def main(answers: int, rounds: int, short: bool) -> None:
    busy = round(os.getloadavg()[0], 1)
    chunks = PER_DOCUMENT if short else CHUNKS
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE, queue_seconds=30)  # a slow machine refuses nothing
        key, questions, postgres = await prepare(home, urls, chunks)
        async with collector() as traces, running("app.adapters.chat.standin") as (model, model_port):
            environment = traced_environment(home, urls.service, f"http://127.0.0.1:{model_port}/v1", traces)
            async with (
                running("app", "serve", environment=environment) as (first, first_port),
                running("app", "serve", environment=environment) as (second, second_port),
            ):
                for port in (first_port, second_port):
                    await check(port, key, questions[0])
                bodies = [orjson.dumps({"question": questions[n % len(questions)]}) for n in range(answers)]
                watched = {"postgresql": postgres, "stand_in": model}
                one = Load(first_port, bodies, [f"authorization: Bearer {key}"], {"api": first, **watched})
                half = replace(one, bodies=bodies[::2])
                other = replace(one, port=second_port, bodies=bodies[1::2], watched={"api": second})
                measured = await _rounds(one, [half, other], rounds)
    write("process_scale", {"chunks": chunks, "load_of_others": busy, **_summary(measured)}, short)


async def _rounds(one: Load, two: list[Load], rounds: int) -> list[Round]:
    measured = []
    for number in range(rounds + 1):
        # Each goes first in every second round; the first round warms up.
        turns = [("one_process", [one]), ("two_processes", two)]
        result = {
            name: await _turn(loads, CONNECTIONS // len(loads)) for name, loads in turns[:: 1 if number % 2 else -1]
        }
        rate_of_each = result["two_processes"]["per_second"] / len(two)
        result["one_at_that_rate"] = await _turn(two[:1], CONNECTIONS // len(two), rate_of_each)
        if number:
            measured.append(result)
    return measured


async def _turn(loads: list[Load], connections: int, max_per_second: float = math.inf) -> Turn:
    """Answers per second, CPU milliseconds of an answer in the API and in PostgreSQL, and how many cores were busy."""
    driver = psutil.Process()
    before = sum(driver.cpu_times()[:2])
    ran = await asyncio.gather(*(load.run(connections, max_per_second) for load in loads))
    seconds = max(run.seconds for run, _ in ran)
    answers = sum(len(load.bodies) for load in loads)
    api = sum(cpu["api"] * len(load.bodies) for load, (_, cpu) in zip(loads, ran, strict=True)) / answers
    # Of the first load, whose watch of the shared processes lasts as long as its own answers.
    shared = {name: ms * len(loads[0].bodies) / answers for name, ms in ran[0][1].items() if name != "api"}
    spent = (api + sum(shared.values())) * answers / 1000 + sum(driver.cpu_times()[:2]) - before
    rate = answers / seconds
    return {"per_second": rate, "api": api, "postgresql": shared["postgresql"], "cores_busy": spent / seconds}


def _summary(rounds: list[Round]) -> dict[str, Any]:
    def median_of(name: str) -> dict[str, float]:
        return {key: round(statistics.median(each[name][key] for each in rounds), 3) for key in rounds[0][name]}

    def ratio(key: str, one: str) -> float:
        # A short run may be over within one tick of the CPU clock.
        return round(statistics.median(each["two_processes"][key] / max(each[one][key], 0.001) for each in rounds), 3)

    return {
        **{name: median_of(name) for name in ("one_process", "two_processes", "one_at_that_rate")},
        "answers_per_second_ratio": ratio("per_second", "one_process"),
        "api_cpu_ratio_to_a_busy_one": ratio("api", "one_process"),
        "api_cpu_ratio": ratio("api", "one_at_that_rate"),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=10)
    options = arguments_of(parser)
    asyncio.run(main(*((20, 1) if options.short else (options.answers, options.rounds)), options.short))
