"""A readiness check that the database can write: with a full disk, `select 1` still succeeds."""

from functools import partial

from app.core.clock import Clock
from app.core.database import Database, database_problems
from app.core.errors import DatabaseUnavailable, StorageFull
from app.core.health import CachedCheck

CACHE_SECONDS = 5.0
"""How long a successful write is cached."""

SPILL = "select set_config('work_mem', '64kB', true), set_config('temp_tablespaces', '', true)"
WRITE = (
    "with pages as materialized (select repeat('x', 8000) as page from generate_series(1, 128)) "
    "select sum(length(page)), pg_is_in_recovery() or current_setting('transaction_read_only')::boolean from pages"
)
"""One megabyte that exceeds work_mem is written to the data disk and removed at the end of the statement:
no row, no WAL, nothing to clean up."""


def storage_check(database: Database, clock: Clock) -> CachedCheck:
    """A health check that the database can write. One check runs at a time and takes some milliseconds."""
    return CachedCheck(partial(_write, database), clock, CACHE_SECONDS)


async def _write(database: Database) -> None:
    """Errors: StorageFull; DatabaseUnavailable when it is read-only or does not answer."""
    try:
        with database_problems():
            async with database.pool.connection() as connection, connection.transaction():
                await connection.execute(SPILL)
                row = await (await connection.execute(WRITE)).fetchone()
    except StorageFull:
        raise StorageFull("The database's disk is full.", action="Free space on the database's disk.") from None
    if row is None or row[1]:
        raise DatabaseUnavailable(
            "The database accepts no writes: it is a standby, or it was made read-only.",
            action="Name the primary in DATABASE_URL, or make the database writable.",
        )
