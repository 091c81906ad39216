"""A load generator with low CPU cost, and the CPU time of processes."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from benchmarks.measures import percentile


@dataclass(frozen=True)
class Run:
    """The timing of a run. seconds: of the whole run; spent: of each request."""

    seconds: float
    spent: Sequence[float]
    failed: int

    @property
    def per_second(self) -> float:
        return len(self.spent) / self.seconds

    def ms(self, share: float) -> float:
        return percentile(self.spent, share) * 1000


async def post_all(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    connections: int,
    headers: Sequence[str] = (),
    max_per_second: float = math.inf,
) -> Run:
    """Send each body once, over `connections` persistent connections."""
    remaining, spent, failed = list(reversed(bodies)), [], 0

    async def one_connection() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while remaining:
            body = remaining.pop()
            due = began + (len(bodies) - len(remaining)) / max_per_second
            await asyncio.sleep(max(0, due - time.perf_counter()))
            started = time.perf_counter()
            lines = [f"POST {path} HTTP/1.1", "host: x", "content-type: application/json", *headers]
            writer.write("\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            spent.append(time.perf_counter() - started)
            failed += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    return Run(time.perf_counter() - began, spent, failed)


def _length(head: bytes) -> int:
    return int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def cpu_of_tree(process: psutil.Process) -> float:
    """CPU seconds of a process and all its children, finished ones included."""
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


Meter = Callable[[], float]
