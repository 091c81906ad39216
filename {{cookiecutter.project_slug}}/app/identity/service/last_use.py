"""When each key and each identity was last used, written once a minute instead of with each call."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from app.core.clock import Clock
from app.core.database import Database
from app.identity import repository

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 60.0


@dataclass(frozen=True)
class LastUse:
    """When each key and identity was last used: noted in memory, stored once a minute."""

    database: Database
    clock: Clock
    _used: dict[UUID, datetime] = field(default_factory=dict)

    def record(self, key_id: UUID) -> None:
        self._used[key_id] = self.clock.now()

    async def flush(self) -> None:
        """Writes what was noted since the last time."""
        used = dict(self._used)
        self._used.clear()
        if used:
            await repository.store_last_use(self.database, used)

    async def watch(self) -> None:
        """Flushes until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush_or_log()

    async def flush_or_log(self) -> None:
        try:
            await self.flush()
        except Exception as error:
            log.warning("identity.last_use_not_stored", error=type(error).__name__)
