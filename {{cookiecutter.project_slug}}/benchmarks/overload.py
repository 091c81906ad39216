"""Goodput under overload, and the cost of refused requests.

One API process with everything on, as in `hot_path`, and its defaults. First its capacity: the most
answers a second over any number of connections. Then ten times as many callers, and 500, each of which sends the next
request at once, ignoring Retry-After. Goodput is the share of the capacity that is still answered. Then 300 bodies that
are never finished, and headers of 150 MB. All in one run, so that the ratios compare figures of the same minute.
Run with `python -m benchmarks.overload`; two minutes. Close everything else.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psutil

from app.settings import Settings
from app.wiring import build
from benchmarks.harness import arguments_of, fresh_database, house, write
from benchmarks.hot_path import PER_DOCUMENT, PRICE, check, fill
from benchmarks.measures import percentile
from benchmarks.processes import running

CONNECTIONS = (8, 16, 32)
TIMES = 10
CALLERS = 500
HALF_SENT = 300
HEADER_BYTES = 150_000_000


@dataclass(frozen=True)
class Size:
    """Seconds of a run, of an overloaded run, of the warm-up before each, and of a run beside unfinished bodies, which
    time out after `body_seconds`."""

    seconds: float = 10.0
    crowded: float = 10.0
    settle: float = 1.0
    beside: float = 4.0
    body_seconds: float = 10.0
    chunks: int = 1000


SHORT = Size(0.4, 1.2, 0.0, 0.4, 2.0, PER_DOCUMENT)


async def main(size: Size, short: bool) -> None:
    busy = round(os.getloadavg()[0], 1)
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE)
        settings = Settings(root=home, data_dir=home, embedder="none", _env_file=None)
        async with build(settings, urls) as state:
            tenant = await state.identity.ensure_tenant("bench")
            key = (await state.identity.create_key(tenant, "bench", ["user"])).text
            questions = await fill(state, tenant, size.chunks)
        result = await _measure(home, urls.service, key, questions, size)
    write("overload", {"seconds_a_run": size.seconds, "load_of_others": busy, **result}, short)


async def _measure(home: Path, url: str, key: str, questions: Sequence[str], size: Size) -> dict[str, Any]:
    async with running("app.adapters.chat.standin") as (_, model_port):
        environment = {
            "DATABASE_URL": url,
            "APP_ROOT": str(home),
            "APP_DATA_DIR": str(home),
            "APP_EMBEDDER": "none",
            "APP_BODY_SECONDS": str(size.body_seconds),
            "APP_MODEL_CHAIN": orjson.dumps(
                [{"model": "stand-in", "base_url": f"http://127.0.0.1:{model_port}/v1"}]
            ).decode(),
        }
        async with running("app", "serve", environment=environment) as (api, port):
            await check(port, key, questions[0])
            crowd = Crowd(port, key, questions, size.settle)
            await crowd.ask(16, size.seconds)  # warms up
            return {
                **await _overloaded(crowd, size, api),
                **await _slow(crowd, port, key, api, size.beside),
            }


async def _overloaded(crowd: "Crowd", size: Size, api: psutil.Process) -> dict[str, Any]:
    capacities = {many: await crowd.ask(many, size.seconds) for many in CONNECTIONS}
    best = max(capacities, key=lambda many: capacities[many].answers_per_second)
    capacity, result = capacities[best], {}
    for name, callers in (("ten_times", best * TIMES), ("five_hundred", CALLERS)):
        # The capacity before and after, so that other load on the machine is not mistaken for overload.
        run = await crowd.ask(callers, size.crowded)
        again = await crowd.ask(best, size.seconds)
        beside = statistics.mean((capacity.answers_per_second, again.answers_per_second))
        result[name] = {
            "callers": callers,
            "capacity_per_second": round(beside, 1),
            "answers_per_second": round(run.answers_per_second, 1),
            "goodput": _part(run.answers_per_second, beside),
            "refused_per_second": round((len(run.refused) + len(run.again)) / run.seconds, 1),
            "refused_ms_p50": run.ms(run.refused, 0.5),
            "refused_ms_p99": run.ms(run.refused, 0.99),
            "refused_again_ms_p50": run.ms(run.again, 0.5),
            "refused_again_ms_p99": run.ms(run.again, 0.99),
            "answered_ms_p50": run.ms(run.answered, 0.5),
            "answered_ms_p99": run.ms(run.answered, 0.99),
            "health_ms_p99": run.ms(run.health, 0.99),
            "failed": run.failed,
            "memory_megabytes": _megabytes(api),
        }
        capacity = again
    return {"capacity_connections": best, **result}


def _part(these: float, of: float) -> float | None:
    """None when there were no replies, as in a short run on a busy machine."""
    return round(these / of, 3) if of else None


async def _slow(crowd: "Crowd", port: int, key: str, api: psutil.Process, seconds: float) -> dict[str, Any]:
    """Answers beside callers that never finish their bodies, and memory under endless headers."""
    before, start = await crowd.ask(16, seconds), _megabytes(api)
    head = f"POST /v1/answers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 500\r\n\r\n{{"
    start_time = time.perf_counter()
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(HALF_SENT)]
    for _, writer in lines:
        writer.write(head.encode())
    beside = await crowd.ask(16, seconds)
    replies = await asyncio.gather(*(reader.read() for reader, _ in lines))
    duration = time.perf_counter() - start_time
    for _, writer in lines:
        writer.close()
    after = await crowd.ask(16, seconds)
    sent, status, peak = await _endless_header(port, api)
    return {
        "half_sent_bodies": {
            "callers": HALF_SENT,
            "goodput": _part(2 * len(beside.answered), len(before.answered) + len(after.answered)),
            "told_408": sum(reply.startswith(b"HTTP/1.1 408") for reply in replies),
            "all_ended_after_seconds": round(duration, 1),
        },
        "endless_header": {
            "bytes_offered": HEADER_BYTES,
            "bytes_sent_until_refused": sent,
            "status": status,
            "memory_growth_megabytes": round(peak - start, 1),
        },
    }


async def _endless_header(port: int, api: psutil.Process) -> tuple[int, int, float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reply = asyncio.ensure_future(reader.readline())
    writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\na: ")
    sent, peak = 0, _megabytes(api)
    while sent < HEADER_BYTES and not reply.done():
        writer.write(b"x" * 65_536)
        sent += 65_536
        try:
            await writer.drain()
        except ConnectionError:
            break
        peak = max(peak, _megabytes(api))
    line = await reply
    writer.close()
    return sent, int(line.split()[1]), peak


@dataclass
class Replies:
    """Seconds of each reply by kind. again: of refusals right after a refusal."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    failed: int = 0
    seconds: float = 0.0

    @property
    def answers_per_second(self) -> float:
        return len(self.answered) / self.seconds

    def ms(self, spent: Sequence[float], share: float) -> float | None:
        return round(percentile(spent, share) * 1000, 1) if spent else None


class Crowd:
    """Callers that send requests without a pause, over one connection each."""

    def __init__(self, port: int, key: str, questions: Sequence[str], settle: float) -> None:
        self.port = port
        self.settle = settle
        bodies = (orjson.dumps({"question": question}) for question in questions)
        self.requests = itertools.cycle([self._request(key, body) for body in bodies])

    def _request(self, key: str, body: bytes) -> bytes:
        lines = ["POST /v1/answers HTTP/1.1", "host: x", "content-type: application/json"]
        lines += [f"authorization: Bearer {key}", f"content-length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body

    async def ask(self, callers: int, seconds: float) -> Replies:
        """The replies within `seconds`, after a warm-up in which all callers connect."""
        heard = Replies()
        lines = [await asyncio.open_connection("127.0.0.1", self.port) for _ in range(callers)]
        from_now = time.perf_counter() + self.settle
        until = from_now + seconds
        tasks = [asyncio.ensure_future(self._one(*line, heard, from_now, until)) for line in lines]
        tasks.append(asyncio.ensure_future(self._watch(heard, until)))
        await asyncio.gather(*tasks)
        heard.seconds = seconds
        return heard

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Replies, from_now: float, until: float
    ) -> None:
        status = 0
        while time.perf_counter() < until:
            started, before = time.perf_counter(), status
            writer.write(next(self.requests))
            status = await _status(reader)
            ended = time.perf_counter()
            if not from_now <= ended <= until:
                continue
            if status == 200:
                heard.answered.append(ended - started)
            elif status == 503:
                (heard.again if before == 503 else heard.refused).append(ended - started)
            else:
                heard.failed += 1
        writer.close()

    async def _watch(self, heard: Replies, until: float) -> None:
        """Request the health route as a load balancer does, over a new connection each time."""
        while time.perf_counter() < until:
            started = time.perf_counter()
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
            heard.failed += await _status(reader) != 200
            heard.health.append(time.perf_counter() - started)
            writer.close()
            await asyncio.sleep(0.1)


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
    return int(head[9:12])


def _megabytes(process: psutil.Process) -> float:
    return round(process.memory_info().rss / 1e6, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=Size.seconds)
    options = arguments_of(parser)
    asyncio.run(main(SHORT if options.short else Size(options.seconds, options.seconds), options.short))
