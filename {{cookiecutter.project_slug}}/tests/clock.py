"""The clock of the tests' own process: it runs by itself, and a test can put it forward instead of waiting."""

import asyncio
import inspect
import time
from collections.abc import Callable

_real = time.monotonic
_ahead = 0.0
PATIENCE_SECONDS = 180.0


def monotonic() -> float:
    return _real() + _ahead


def install() -> None:
    """For good: after a clock that went back, whatever was begun meanwhile would wait too long."""
    time.monotonic = monotonic


async def leap(seconds: float) -> None:
    """Lets everything go on that can, until it waits; then puts the clock forward. What is due by then happens next."""
    global _ahead
    for _ in range(50):
        await asyncio.sleep(0)
    _ahead += seconds


async def until(true: Callable[[], object]) -> None:
    """Waits for what another task, thread or process does. What never comes fails the test well before its own limit,
    which would end all that runs in its process.
    """
    last = _real() + PATIENCE_SECONDS
    while True:
        found = true()
        if await found if inspect.isawaitable(found) else found:
            return
        assert _real() < last, "what the test waits for does not come"
        await asyncio.sleep(0.01)
