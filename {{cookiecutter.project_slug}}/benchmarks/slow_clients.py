"""Answers beside callers that never finish their bodies, and memory under endless headers. A part of `overload`."""

import asyncio
import time
from typing import Any

import psutil

from benchmarks.load_driver import Group, Plan, drive

HALF_SENT = 300
HEADER_BYTES = 150_000_000


async def slow_clients(plan: Plan, api: psutil.Process, seconds: float) -> dict[str, Any]:
    """plan: with a single group, whose keys are used."""
    keys = plan.groups[0].keys
    beside_plan = Plan(plan.port, plan.questions, [Group("all", keys, callers=16, seconds=seconds)])
    before, start = await _answers(beside_plan), megabytes(api)
    head = f"POST /v1/answers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {keys[0]}\r\ncontent-length: 500\r\n\r\n{{"
    start_time = time.perf_counter()
    lines = [await asyncio.open_connection("127.0.0.1", plan.port) for _ in range(HALF_SENT)]
    for _, writer in lines:
        writer.write(head.encode())
    beside = await _answers(beside_plan)
    replies = await asyncio.gather(*(reader.read() for reader, _ in lines))
    duration = time.perf_counter() - start_time
    for _, writer in lines:
        writer.close()
    after = await _answers(beside_plan)
    sent, status, peak = await _endless_header(plan.port, api)
    return {
        "half_sent_bodies": {
            "callers": HALF_SENT,
            "goodput": round(2 * beside / (before + after), 3) if before + after else None,
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


async def _answers(plan: Plan) -> int:
    replies, _ = await drive(plan)
    return len(replies["all"].answered)


async def _endless_header(port: int, api: psutil.Process) -> tuple[int, int, float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reply = asyncio.ensure_future(reader.readline())
    writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\na: ")
    sent, peak = 0, megabytes(api)
    while sent < HEADER_BYTES and not reply.done():
        writer.write(b"x" * 65_536)
        sent += 65_536
        try:
            await writer.drain()
        except ConnectionError:
            break
        peak = max(peak, megabytes(api))
    line = await reply
    writer.close()
    return sent, int(line.split()[1]), peak


def megabytes(process: psutil.Process) -> float:
    return round(process.memory_info().rss / 1e6, 1)
