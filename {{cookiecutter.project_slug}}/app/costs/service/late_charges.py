"""Retries charges whose first write failed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from app.core.logging import log_failure
from app.core.telemetry import counter, gauge

log = structlog.get_logger(__name__)

RETRY_DELAYS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, *[30.0] * 20)
"""Seconds between the attempts, ten minutes in all."""

PENDING = gauge("app_charges_late", "Charges waiting for a retry after the first write failed")
LOST = counter("app_charges_lost_total", "Charges given up after ten minutes of retries or at shutdown; see the log")

ChargeAttempt = Callable[[], Awaitable[None]]
"""Must be idempotent: it is called again after a failure, even if that attempt took effect."""
LogFields = Mapping[str, object]
"""Fields of the log event when the charge is lost."""


@dataclass(frozen=True)
class LateCharges:
    """Retries failed charges in the background. A hold may expire meanwhile; the charge is still written."""

    retry_delays: tuple[float, ...] = RETRY_DELAYS
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def charge(self, charge: ChargeAttempt, fields: LogFields) -> None:
        """Attempts the charge once; after a failure it is retried in the background."""
        if not await self._attempt(charge, fields, last=False):
            self._schedule(self._retry(charge, fields))

    def run_in_background(self, work: "asyncio._CoroutineLike[None]") -> None:
        """Runs work for a caller that cannot wait, such as a cancelled one."""
        self._schedule(work)

    async def close(self) -> None:
        """Retries every pending charge once more, now; one that fails again is logged and lost."""
        self._closing.set()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _schedule(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        PENDING.set(len(self._tasks))
        task.add_done_callback(self._forget)

    async def _retry(self, charge: ChargeAttempt, fields: LogFields) -> None:
        for attempt, delay in enumerate(self.retry_delays, 1):
            await self._wait(delay)
            if await self._attempt(charge, fields, last=attempt == len(self.retry_delays) or self._closing.is_set()):
                return

    async def _attempt(self, charge: ChargeAttempt, fields: LogFields, last: bool) -> bool:
        """Makes one attempt; False when it should be retried."""
        try:
            await charge()
        except Exception as error:
            if last:
                LOST.inc()
                log_failure(log, "costs.charge_lost", error, **fields)
            else:
                log.warning("costs.charge_delayed", error=type(error).__name__, **fields)
            return last
        return True

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        PENDING.set(len(self._tasks))
