"""Two API processes beside one: the answers per second of both, and the CPU time of an answer.

The same answers with everything on, over 16 connections: all to one process, and half of them to each of two, in short
turns. Each process uses one core, and the database, the stand-in for the provider and the load need some too, so that
two processes are faster where there are cores for them. `cores_busy` is the processor time of all of them in a second.
Run with `python -m benchmarks.process_scale`; two minutes. Close everything else.
"""

import argparse
import asyncio
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
                pairs = await _pairs([one], [half, other], rounds)
    write("process_scale", {"chunks": chunks, "load_of_others": busy, **_summary(pairs)}, short)


async def _pairs(one: list[Load], two: list[Load], rounds: int) -> list[tuple[Turn, Turn]]:
    pairs = []
    for number in range(rounds + 1):
        # Each goes first in every second round; the first round warms up.
        first, second = (one, two) if number % 2 else (two, one)
        turns = {len(loads): await _turn(loads) for loads in (first, second)}
        if number:
            pairs.append((turns[1], turns[2]))
    return pairs


async def _turn(loads: list[Load]) -> Turn:
    """Answers per second, CPU milliseconds of an answer in the API and in PostgreSQL, and how many cores were busy."""
    driver = psutil.Process()
    before = sum(driver.cpu_times()[:2])
    ran = await asyncio.gather(*(load.run(CONNECTIONS // len(loads)) for load in loads))
    seconds = max(run.seconds for run, _ in ran)
    answers = sum(len(load.bodies) for load in loads)
    api = sum(cpu["api"] * len(load.bodies) for load, (_, cpu) in zip(loads, ran, strict=True)) / answers
    # Of the first load, whose watch of the shared processes lasts as long as its own answers.
    shared = {name: ms * len(loads[0].bodies) / answers for name, ms in ran[0][1].items() if name != "api"}
    spent = (api + sum(shared.values())) * answers / 1000 + sum(driver.cpu_times()[:2]) - before
    rate = answers / seconds
    return {"per_second": rate, "api": api, "postgresql": shared["postgresql"], "cores_busy": spent / seconds}


def _summary(pairs: list[tuple[Turn, Turn]]) -> dict[str, Any]:
    def of(place: int) -> dict[str, float]:
        return {name: round(statistics.median(pair[place][name] for pair in pairs), 3) for name in pairs[0][0]}

    def ratio(name: str) -> float:
        # A short run may be over within one tick of the CPU clock.
        return round(statistics.median(two[name] / max(one[name], 0.001) for one, two in pairs), 3)

    return {
        "one_process": of(0),
        "two_processes": of(1),
        "answers_per_second_ratio": ratio("per_second"),
        "api_cpu_ratio": ratio("api"),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=10)
    options = arguments_of(parser)
    asyncio.run(main(*((20, 1) if options.short else (options.answers, options.rounds)), options.short))
