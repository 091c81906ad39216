"""Charges of what could not be recorded: tried again until they are written down."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from app.core.logging import log_failure
from app.core.telemetry import counter, gauge

log = structlog.get_logger(__name__)

RETRY_DELAYS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, *[30.0] * 20)
"""Seconds between the attempts: ten minutes of a database that is away or refuses."""

PENDING = gauge("app_charges_late", "Charges waiting for a retry after the first write failed")
LOST = counter("app_charges_lost_total", "Charges given up after ten minutes of retries or at shutdown; see the log")

ChargeAttempt = Callable[[], Awaitable[None]]
"""May be called again after it failed, whatever became of it."""
LogFields = Mapping[str, object]
"""For the log, should the charge be lost."""


@dataclass(frozen=True)
class LateCharges:
    """Work on money that must not be forgotten because it failed once. A hold lapses meanwhile, the charge stands."""

    retry_delays: tuple[float, ...] = RETRY_DELAYS
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def charge(self, charge: ChargeAttempt, facts: LogFields) -> None:
        """Returns once it has been tried; what failed goes on by itself."""
        if not await self._done(charge, facts, last=False):
            self._later(self._again(charge, facts))

    def run_in_background(self, work: "asyncio._CoroutineLike[None]") -> None:
        """For callers that cannot wait, such as one that was cancelled."""
        self._later(work)

    async def close(self) -> None:
        """Each is tried once more, at once; what fails then is lost, and the log says what it was."""
        self._closing.set()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _later(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        PENDING.set(len(self._tasks))
        task.add_done_callback(self._forget)

    async def _again(self, charge: ChargeAttempt, facts: LogFields) -> None:
        for place, wait in enumerate(self.retry_delays, 1):
            await self._rest(wait)
            if await self._done(charge, facts, last=place == len(self.retry_delays) or self._closing.is_set()):
                return

    async def _done(self, charge: ChargeAttempt, facts: LogFields, last: bool) -> bool:
        """Whether there is nothing left to do about it."""
        try:
            await charge()
        except Exception as error:
            if last:
                LOST.inc()
                log_failure(log, "costs.charge_lost", error, **facts)
            else:
                log.warning("costs.charge_delayed", error=type(error).__name__, **facts)
            return last
        return True

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        PENDING.set(len(self._tasks))
