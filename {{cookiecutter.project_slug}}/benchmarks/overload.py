"""Goodput under overload, the cost of a refusal, a quiet tenant beside a loud one, and recovery.

One API process with everything on, as in `hot_path`, and its defaults, but without brownout, so that all counted
answers are whole; the load comes from a process of its own. First its capacity: the most answers a second over any
number of connections, measured again after each part. Then three and ten times as many requests in an open loop, from
many callers over persistent connections; ten times as many callers in a loop, and 500, which ignore Retry-After.
Goodput is the share of the capacity that is answered within the deadline. `goodput_by_cpu` compares the processor time
that the API spent for each answer, refusals included, since on a small machine the load itself takes a good part of
what there is: `driver_processor_share` of a core. The capacity is measured with as many keys as an overload. Then one
run with the brownout of the policy, a process that refuses everything, 300 bodies that are never finished, and headers
of 150 MB. Run with `python -m benchmarks.overload`; four minutes. Close everything else.
"""

import argparse
import asyncio
import os
import re
import statistics
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psutil

from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import arguments_of, fresh_database, house, write
from benchmarks.hot_path import PER_DOCUMENT, PRICE, check, fill
from benchmarks.load import cpu_of, post_all
from benchmarks.load_driver import Group, Plan, Replies, Spent, drive
from benchmarks.processes import running
from benchmarks.slow_clients import megabytes, slow_clients

KEYS = 200
P95_MS = 1500
PATIENT_P95_MS = 120_000
WINDOW = 0.5
BEFORE = 0.5
"""The part of the capacity that is asked before and after an overload."""
HOLDS_AFTER = 1.0
"""Seconds after which a question has surely taken its slot."""


@dataclass(frozen=True)
class Size:
    """Seconds of a run, of an overload, before and after it, and of a run beside unfinished bodies, which time out
    after `body_seconds`.
    """

    seconds: float = 8.0
    crowded: float = 10.0
    calm: float = 6.0
    beside: float = 4.0
    body_seconds: float = 10.0
    chunks: int = 1000
    connections: Sequence[int] = (8, 16, 32)
    times: Sequence[int] = (3, 10)
    callers: int = 500


SHORT = Size(0.2, 0.1, 0.1, 0.1, 1.5, PER_DOCUMENT, connections=(8,), times=(3,), callers=20)


@dataclass
class Bench:
    """A running service and what was delivered by it."""

    size: Size
    port: int
    api: psutil.Process
    questions: list[str]
    loud: list[str]
    quiet: list[str]
    delivered: list[str]

    async def run(self, *groups: Group) -> tuple[dict[str, Replies], Spent]:
        replies, spent = await drive(Plan(self.port, self.questions, list(groups)), self.api)
        for each in replies.values():
            self.delivered += each.ids
        return replies, spent

    async def in_a_loop(self, callers: int, seconds: float, roaming: bool = False) -> tuple[Replies, Spent]:
        replies, spent = await self.run(Group("all", self.loud, callers=callers, seconds=seconds, roaming=roaming))
        return replies["all"], spent

    async def capacity(self, callers: int) -> tuple[float, float]:
        """Answers a second, and CPU seconds of each."""
        replies, spent = await self.in_a_loop(callers, self.size.seconds, roaming=True)
        answers = len(replies.answered)
        return answers / self.size.seconds, spent.watched / answers


async def main(size: Size, short: bool) -> None:
    busy = round(os.getloadavg()[0], 1)
    # One stand-in for all: its address is part of the release.
    async with running("app.adapters.chat.standin") as (model, model_port):
        result = await _run(size, model, model_port)
    write("overload", {"seconds_a_run": size.seconds, "load_of_others": busy, **result}, short)


async def _run(size: Size, model: psutil.Process, model_port: int) -> dict[str, Any]:
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE)
        settings = Settings(root=home, data_dir=home, embedder="none", _env_file=None)
        async with build(settings, urls) as state:
            tenants = [await state.identity.ensure_tenant(name) for name in ("loud", "quiet")]
            keys = [await _keys(state, tenant) for tenant in tenants]
            questions = await fill(state, tenants[0], size.chunks)
            await fill(state, tenants[1], size.chunks)
            places = (home, urls.service, model_port)
            async with serving(*places, size, brownout=False) as (api, port):
                bench = Bench(size, port, api, questions, *keys, [])
                await check(port, keys[0][0], questions[0])
                result = await _measure(bench)
            async with serving(*places, size, brownout=True) as (bench.api, bench.port):
                await check(bench.port, keys[0][0], questions[0])
                result["with_brownout"] = await _with_brownout(bench)
                plan = Plan(bench.port, questions, [Group("all", keys[0])])
                result |= await slow_clients(plan, bench.api, size.beside)
            recorded = [await _recorded(state, tenant) for tenant in tenants]
            result["answers"] = _compared(bench.delivered, [each for ids in recorded for each in ids])
    result["refusal"] = await _refusing(size, model, model_port, result["cpu_ms_of_an_answer"])
    return result


async def _refusing(size: Size, model: psutil.Process, model_port: int, answer_ms: float) -> dict[str, Any]:
    """A service of its own: the deadline of answers is part of a release."""
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE)
        _set_policies(home, brownout=False, refusing=True)
        settings = Settings(root=home, data_dir=home, embedder="none", _env_file=None)
        async with build(settings, urls) as state:
            tenant = await state.identity.ensure_tenant("loud")
            keys, questions = await _keys(state, tenant), await fill(state, tenant, PER_DOCUMENT)
            places = (home, urls.service, model_port)
            async with serving(*places, size, brownout=False, refusing=True) as (api, port):
                await check(port, keys[0], questions[0])
                return await _refusal(Bench(size, port, api, questions, keys, keys, []), model, answer_ms)


async def _keys(state: State, tenant: UUID) -> list[str]:
    return [(await state.identity.create_key(tenant, f"bench {n}", ["user"])).text for n in range(KEYS)]


async def _recorded(state: State, tenant: UUID) -> list[str]:
    async with state.database.pipeline(tenant) as connection:
        cursor = await connection.execute("select id from answers")
    return [str(row[0]) for row in await cursor.fetchall()]


def _compared(delivered: Sequence[str], recorded: Sequence[str]) -> dict[str, int]:
    """The part beside slow clients is delivered and not listed, so that only what is listed can be lost."""
    return {
        "delivered": len(delivered),
        "lost": len(set(delivered) - set(recorded)),
        "delivered_twice": len(delivered) - len(set(delivered)),
    }


@asynccontextmanager
async def serving(
    home: Path, url: str, model_port: int, size: Size, brownout: bool, refusing: bool = False
) -> AsyncIterator[tuple[psutil.Process, int]]:
    """refusing: it has one slot, no queue, and a deadline that no run reaches."""
    _set_policies(home, brownout, refusing)
    model = {"model": "stand-in", "base_url": f"http://127.0.0.1:{model_port}/v1"}
    environment = {
        "DATABASE_URL": url,
        "APP_ROOT": str(home),
        "APP_DATA_DIR": str(home),
        "APP_EMBEDDER": "none",
        "APP_BODY_SECONDS": str(size.body_seconds),
        "APP_MAX_CONNECTIONS": "4000",
        "APP_MODEL_CHAIN": orjson.dumps([model]).decode(),
    }
    async with running("app", "serve", environment=environment) as (api, port):
        yield api, port


def _set_policies(home: Path, brownout: bool, refusing: bool) -> None:
    path = home / "policies" / "slo.yaml"
    steps = path.with_name("slo.shipped")
    text = steps.read_text() if steps.exists() else path.read_text()
    steps.write_text(text)
    text = re.sub(r"(answer_p95_ms:).*", rf"\1 {PATIENT_P95_MS if refusing else P95_MS}", text)
    if not brownout:
        text = re.sub(r"  brownout:\n(    - .*\n)+", "", text)
    if refusing:
        text = re.sub(r"(min_answers|initial_answers):.*", r"\1: 1", text)
        text = re.sub(r"queue_seconds:.*", "queue_seconds: 0", text)
        security = home / "policies" / "security.yaml"
        security.write_text(re.sub(r"concurrent_answers:.*", "concurrent_answers: 1", security.read_text()))
    path.write_text(text)


async def _measure(bench: Bench) -> dict[str, Any]:
    size = bench.size
    await bench.in_a_loop(16, size.seconds)  # warms up
    capacities = {many: await bench.capacity(many) for many in size.connections}
    best = max(capacities, key=lambda many: capacities[many][0])
    result: dict[str, Any] = {
        "capacity_connections": best,
        "capacity_per_second": round(capacities[best][0], 1),
        "cpu_ms_of_an_answer": round(capacities[best][1] * 1000, 3),
    }
    before = capacities[best]
    for times in size.times:
        found, after = await _open_loop(bench, times, before, best)
        result[f"open_loop_{times}_times"], before = found, after
    for name, callers in (("ten_times_the_callers", 10 * best), ("five_hundred_callers", size.callers)):
        replies, spent = await bench.in_a_loop(callers, size.crowded)
        after = await bench.capacity(best)
        result[name] = {"callers": callers, **_summary(replies, spent, size.crowded, [before, after], bench.api)}
        before = after
    result["two_tenants"] = await _two_tenants(bench, before[0])
    return result


async def _open_loop(
    bench: Bench, times: float, before: tuple[float, float], best: int
) -> tuple[dict[str, Any], tuple[float, float]]:
    size, rate = bench.size, before[0]
    phases = [(size.crowded, rate * times), (size.calm, rate * BEFORE)]
    calm, _ = await bench.run(Group("all", bench.loud, [(size.calm, rate * BEFORE)]))
    replies, _ = await bench.run(Group("all", bench.loud, phases))
    # The processor time of the overload alone, in a run of its own.
    crowded, spent = await bench.run(Group("all", bench.loud, phases[:1]))
    after = await bench.capacity(best)
    found = _summary(crowded["all"], spent, size.crowded, [before, after], bench.api)
    return {**found, "recovery_seconds": recovery(replies["all"], calm["all"], size.crowded, size.calm)}, after


def _summary(
    replies: Replies, spent: Spent, seconds: float, capacities: Sequence[tuple[float, float]], api: psutil.Process
) -> dict[str, Any]:
    # The capacity before and after, so that other load on the machine is not mistaken for overload.
    capacity, cpu_each = (statistics.mean(values) for values in zip(*capacities, strict=True))
    came, answered = replies.ended_between(0, seconds), replies.answered
    good = [each for each in came.answered if each <= P95_MS * 2 / 1000]
    refused, cpu = replies.seconds(503), spent.watched
    return {
        "capacity_per_second": round(capacity, 1),
        "asked_per_second": round(len(replies.events) / seconds, 1),
        "answers_per_second": round(len(good) / seconds, 1),
        "goodput": round(len(good) / seconds / capacity, 3) if capacity else None,
        "goodput_by_cpu": round(cpu_each * len(answered) / cpu, 3) if cpu else None,
        "api_processor_share": round(cpu / seconds, 3),
        "driver_processor_share": round(spent.driver / seconds, 3),
        "refused_ms_p50": replies.ms(refused, 0.5),
        "refused_ms_p99": replies.ms(refused, 0.99),
        "refused_again_ms_p50": replies.ms(replies.seconds(503, again=True), 0.5),
        "answered_ms_p50": replies.ms(answered, 0.5),
        "answered_ms_p99": replies.ms(answered, 0.99),
        "deadline_ms": P95_MS * 2,
        "failed": replies.failed,
        "memory_megabytes": megabytes(api),
    }


def recovery(replies: Replies, calm: Replies, overloaded: float, calm_again: float) -> float | None:
    """Seconds after the overload from which on nothing is refused and answers take no longer than thrice the p95 of
    before.
    """
    usual = 3 * (calm.ms(calm.answered, 0.95) or 0.0)
    recovered = None
    for step in range(int(calm_again / WINDOW)):
        begin = overloaded + step * WINDOW
        window = replies.between(begin, begin + WINDOW)
        well = not window.seconds(503) and (window.ms(window.answered, 0.95) or 0.0) <= usual
        recovered = (step * WINDOW if recovered is None else recovered) if well else None
    return recovered


async def _two_tenants(bench: Bench, capacity: float) -> dict[str, Any]:
    """A tenant that asks for a tenth of the capacity, alone and beside one that asks for ten times of it."""
    seconds = bench.size.crowded
    quiet = Group("quiet", bench.quiet, [(seconds, capacity / 10)])
    alone, _ = await bench.run(quiet)
    both, _ = await bench.run(Group("loud", bench.loud, [(seconds, capacity * 10)]), quiet)
    found = both["quiet"]
    return {
        "loud_asked_per_second": round(len(both["loud"].events) / seconds, 1),
        "loud_answers_per_second": round(len(both["loud"].answered) / seconds, 1),
        "quiet_asked_per_second": round(len(found.events) / seconds, 1),
        "quiet_answered": round(len(found.answered) / max(1, len(found.events)), 3),
        "quiet_ms_p95": found.ms(found.answered, 0.95),
        "quiet_ms_p95_alone": alone["quiet"].ms(alone["quiet"].answered, 0.95),
    }


async def _with_brownout(bench: Bench) -> dict[str, Any]:
    """Ten times as many callers as before, with the brownout of the policy."""
    await bench.in_a_loop(16, bench.size.seconds)
    replies, _ = await bench.in_a_loop(160, bench.size.crowded)
    return {"callers": 160, "answers_per_second": round(len(replies.answered) / bench.size.crowded, 1)}


async def _refusal(bench: Bench, model: psutil.Process, answer_ms: float) -> dict[str, Any]:
    """A process whose only slot is taken by a model that does not reply, so that it refuses everything."""
    rate, seconds = 1000.0, bench.size.seconds
    plan = Plan(bench.port, bench.questions, [Group("all", bench.loud, [(seconds, rate)])])
    body, headers = orjson.dumps({"question": bench.questions[0]}), [f"authorization: Bearer {bench.quiet[0]}"]
    model.suspend()
    try:
        holding = asyncio.ensure_future(post_all(bench.port, "/v1/answers", [body], 1, headers))
        await asyncio.sleep(HOLDS_AFTER)
        before = cpu_of(bench.api)
        await asyncio.sleep(seconds)
        idle = cpu_of(bench.api) - before
        replies, spent = await drive(plan, bench.api)
    finally:
        model.resume()
    await holding
    statuses = Counter(status for _, status, _ in replies["all"].events)
    assert statuses.keys() == {503}, f"not everything was refused, and the rest would count for refusals: {statuses}"
    refused = replies["all"].seconds(503)
    each = (spent.watched - idle) / statuses[503] * 1000
    return {
        "asked_per_second": rate,
        "refused": statuses[503],
        "ms_p50": replies["all"].ms(refused, 0.5),
        "ms_p99": replies["all"].ms(refused, 0.99),
        "cpu_ms": round(each, 4),
        "part_of_an_answer": round(each / answer_ms, 4),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=Size.seconds)
    options = arguments_of(parser)
    asyncio.run(main(SHORT if options.short else Size(options.seconds, options.seconds), options.short))
