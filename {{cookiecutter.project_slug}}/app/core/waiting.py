"""Waiting for a row to change that any process may change: told by a notification, looking again by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from app.core.admission import set_aside
from app.core.clock import Clock

LOOK_AGAIN_SECONDS = 1.0
"""However well a change is announced, whoever waits for it looks this often."""

T = TypeVar("T")


@dataclass(frozen=True)
class Waiting:
    """Who waits for what in this process."""

    clock: Clock
    _told: dict[UUID, set[asyncio.Event]] = field(default_factory=dict)

    async def until(
        self, subject: UUID, look: Callable[[], Awaitable[T]], settled: Callable[[T], bool], seconds: float
    ) -> T:
        """What `look` finds once it is settled, or when the seconds are up."""
        until = self.clock.monotonic() + seconds
        told = asyncio.Event()
        self._told.setdefault(subject, set()).add(told)
        try:
            while True:
                found = await look()
                left = until - self.clock.monotonic()
                if settled(found) or left <= 0:
                    return found
                told.clear()
                with set_aside():
                    await _at_most(told, min(left, LOOK_AGAIN_SECONDS))
        finally:
            self._told[subject].discard(told)
            if not self._told[subject]:
                del self._told[subject]

    async def follow(self, subject: str) -> None:
        """Wakes who waits for this; an empty id wakes nobody, for they look by themselves."""
        for told in self._told.get(UUID(subject), ()) if subject else ():
            told.set()


async def _at_most(told: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await told.wait()
    except TimeoutError:
        return
