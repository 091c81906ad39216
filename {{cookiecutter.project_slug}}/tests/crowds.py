"""Crowds that come to a built service at once: how many it works on at a time."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY

from tests.clock import until

Ask = Callable[[], Awaitable[httpx.Response]]
CROWD = {"answer_p95_ms": 600_000, "overload": {"max_waiting": 0, "brownout": []}}
"""Of slo.yaml: nobody waits for a place, and no answer does without its model."""


@contextmanager
def stopping(target: object, name: str) -> Iterator[list[None]]:
    """Whoever calls this coroutine function waits in it until the end of the block. Yields one item for each that is
    there.
    """
    going_on, inside, real = asyncio.Event(), [], getattr(target, name)

    async def stopped(*arguments: Any, **options: Any) -> Any:
        inside.append(None)
        await going_on.wait()
        return await real(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, name, stopped)
        try:
            yield inside
        finally:
            going_on.set()


async def let_in(size: int, ask: Ask, target: object, name: str) -> int:
    """How many of a crowd get as far as this coroutine function, while all others are refused for want of a place.
    Those who got in are served in the end.
    """
    with stopping(target, name) as inside:
        crowd = [asyncio.ensure_future(ask()) for _ in range(size)]
        await until(lambda: len(inside) + sum(each.done() for each in crowd) >= size)
        number, refused = len(inside), [each.result() for each in crowd if each.done()]
        assert {reply.status_code for reply in refused} <= {503}
    served = [reply for reply in await asyncio.gather(*crowd) if reply.is_success]
    assert (len(served), len(refused)) == (number, size - number)
    return number


async def until_steady(value: Callable[[], object], turns: int = 40) -> None:
    """Until it has not changed while the loop turned so often."""
    seen: deque[object] = deque(maxlen=turns)
    while len(seen) < turns or len(set(seen)) > 1:
        seen.append(value())
        await asyncio.sleep(0.01)


async def insistent(ask: Ask) -> httpx.Response:
    """Asks again and again while there is no place."""
    reply = await ask()
    while reply.status_code == 503:
        await asyncio.sleep(0.2)
        reply = await ask()
    return reply


@asynccontextmanager
async def slow_loop(seconds: float) -> AsyncIterator[None]:
    """Whatever is ready in the event loop waits for so long."""

    async def work() -> None:
        while True:
            time.sleep(seconds)  # noqa: ASYNC251, it is meant to hold up the loop
            await asyncio.sleep(0)

    working = asyncio.ensure_future(work())
    try:
        yield
    finally:
        working.cancel()


async def adapt(app: FastAPI, seconds: float, size: int, ask: Ask, target: object, name: str) -> None:
    """Runs the application, in whose event loop ready work waits for so long, before a crowd that comes again and again
    and stays, until its limit on answers is steady.
    """
    with stopping(target, name):
        async with app.router.lifespan_context(app), slow_loop(seconds):
            crowd = [asyncio.ensure_future(insistent(ask)) for _ in range(size)]
            await until_steady(lambda: REGISTRY.get_sample_value("app_requests_limit", {"kind": "answers"}))
    await asyncio.gather(*crowd)
