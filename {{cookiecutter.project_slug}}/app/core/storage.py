"""Can the database write? Readiness asks it to, because a full disk still answers `select 1`."""

import asyncio
from dataclasses import dataclass, field

from app.core.clock import Clock
from app.core.database import Database, database_problems
from app.core.errors import DatabaseUnavailable, StorageFull

TRUST_SECONDS = 5.0
"""How long a write that went well speaks for the next ones: load balancers ask often."""

SPILL = "select set_config('work_mem', '64kB', true), set_config('temp_tablespaces', '', true)"
WRITE = (
    "with pages as materialized (select repeat('x', 8000) as page from generate_series(1, 128)) "
    "select sum(length(page)), pg_is_in_recovery() or current_setting('transaction_read_only')::boolean from pages"
)
"""One megabyte that does not fit into the memory allowed goes to the disk of the data, and is gone with the statement:
no row, no log of changes, nothing to clean up."""


@dataclass
class StorageCheck:
    """A health check: the database could write within the last seconds. One at a time, some milliseconds each."""

    database: Database
    clock: Clock
    good_until: float = 0.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> None:
        """Errors: StorageFull; DatabaseUnavailable where it answers and takes no writes, or does not answer."""
        async with self.turn:
            if self.clock.monotonic() < self.good_until:
                return
            await self._write()
            self.good_until = self.clock.monotonic() + TRUST_SECONDS

    async def _write(self) -> None:
        try:
            with database_problems():
                async with self.database.pool.connection() as connection, connection.transaction():
                    await connection.execute(SPILL)
                    row = await (await connection.execute(WRITE)).fetchone()
        except StorageFull:
            raise StorageFull("The database has no room left.", action="Free space on the database's disk.") from None
        if row is None or row[1]:
            raise DatabaseUnavailable(
                "The database takes no writes: it is a standby, or it was made read-only.",
                action="Name the primary in DATABASE_URL, or let it write again.",
            )
