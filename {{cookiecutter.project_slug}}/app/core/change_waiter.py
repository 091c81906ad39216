"""Waiting for the change of a row by any process, by notification and by polling."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from app.core.clock import Clock
from app.core.slots import slot_released

POLL_SECONDS = 1.0
"""The interval of polling, in case a notification is lost."""

T = TypeVar("T")


@dataclass(frozen=True)
class ChangeWaiter:
    """The waits of this process, by the id of what they wait for."""

    clock: Clock
    _events: dict[UUID, set[asyncio.Event]] = field(default_factory=dict)

    async def until(
        self, subject: UUID, read: Callable[[], Awaitable[T]], settled: Callable[[T], bool], seconds: float
    ) -> T:
        """Poll `read` until its result is `settled` or `seconds` have passed; returns the last result."""
        until = self.clock.monotonic() + seconds
        changed = asyncio.Event()
        self._events.setdefault(subject, set()).add(changed)
        try:
            while True:
                changed.clear()  # before the read: a change during it is not in what it returns
                current = await read()
                left = until - self.clock.monotonic()
                if settled(current) or left <= 0:
                    return current
                with slot_released():
                    await _wait(changed, min(left, POLL_SECONDS))
        finally:
            self._events[subject].discard(changed)
            if not self._events[subject]:
                del self._events[subject]

    async def follow(self, subject: str) -> None:
        """Wake the waits for an id. subject: empty for none, because every wait also polls."""
        for changed in self._events.get(UUID(subject), ()) if subject else ():
            changed.set()


async def _wait(changed: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return
