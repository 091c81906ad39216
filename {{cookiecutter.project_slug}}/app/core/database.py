"""The one database: transactions under row-level security, a fast lane for the hot path, notifications."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy import MetaData, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.core.clock import Clock
from app.core.errors import ConnectionsBusy, Contended, DatabaseUnavailable, Problem, StorageFull, Unstorable
from app.core.logging import log_failure
from app.core.telemetry import counter

log = structlog.get_logger(__name__)

BUSY = counter(
    "app_database_connections_busy_total", "Waits for a database connection of this process that were in vain."
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_NAMED = re.compile(r"(?<![:\w]):([a-z_]\w*)")

SET_TENANT = "select set_config('app.tenant_id', %s, true)"
AS_TENANT = "with as_tenant as materialized (select set_config('app.tenant_id', %s, true))"
CONNECT_SECONDS = 2
POOL_SECONDS = 1.0
PING_SECONDS = 0.5
"""Shorter than a readiness check may take, so that it says which of the two it is."""

STORAGE_FULL = {"53100", "53200"}
UNSTORABLE = {"22003", "22008", "22021", "22P05"}
"""A number or a date out of range, and text that is none."""
CONTENDED = {"40001", "40P01", "55P03"}
AWAY = {"57P01", "57P02", "57P03", "53300", "08000", "08003", "08006", "08001"}


def problem_of(error: BaseException) -> Problem | None:
    """The problem that a database error means for a caller; None where it is a fault of ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, PoolExhausted | PoolTimeout):
        return DatabaseUnavailable("No connection to the database was made in time.", retry_after=1)
    if not isinstance(cause, psycopg.Error):
        return DatabaseUnavailable(retry_after=1) if isinstance(error, InterfaceError) else None
    state = cause.sqlstate
    if state in STORAGE_FULL:
        return StorageFull()
    if state in UNSTORABLE or (state is None and isinstance(cause, psycopg.DataError)):
        log_failure(log, "value_refused_by_database", error)  # nothing of the kind should come as far as here
        return Unstorable()
    if state in CONTENDED:
        return Contended(retry_after=1)
    if state in AWAY or (state is None and isinstance(cause, psycopg.OperationalError)):
        return DatabaseUnavailable(retry_after=1)
    return None


@contextmanager
def database_problems() -> Iterator[None]:
    """Turns errors of the driver into problems; faults of ours pass unchanged."""
    try:
        yield
    except (DBAPIError, psycopg.Error, PoolExhausted, PoolTimeout) as error:
        if problem := problem_of(error):
            raise problem from error
        raise


@dataclass(frozen=True)
class Database:
    """Connections as the role that cannot bypass row-level security.

    `transaction` and `read` for ordinary work; `pipeline` for the two moments of the hot path.
    """

    url: str
    engine: AsyncEngine
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]]
    size: int
    _in_use: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID | None) -> AsyncIterator[AsyncConnection]:
        """One transaction that sees and writes only `tenant_id`'s rows (None: only rows of no tenant).

        Commits at the end, rolls back on an exception.
        Errors: DatabaseUnavailable, ConnectionsBusy, Contended, StorageFull.
        """
        with self._problems("engine"):
            async with self._begun() as connection:
                if tenant_id is not None:
                    await connection.execute(
                        text("select set_config('app.tenant_id', :t, true)"), {"t": str(tenant_id)}
                    )
                yield connection

    @asynccontextmanager
    async def read(self, tenant_id: UUID | None) -> AsyncIterator[AsyncConnection]:
        """As `transaction`, and any write in it is refused by the database."""
        async with self.transaction(tenant_id) as connection:
            await connection.execute(text("set transaction read only"))
            yield connection

    @asynccontextmanager
    async def pipeline(self, tenant_id: UUID) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """One transaction in one flush: statements go out together, their results are there after the block.

        What is not committed by the end of the block never happened. Keep the cursors that `execute` returns
        and fetch from them afterwards.
        """
        with self._problems("pool"):
            async with self._pooled() as connection, connection.pipeline():
                await connection.execute(SET_TENANT, (str(tenant_id),), prepare=True)
                yield connection

    async def insert(self, tenant_id: UUID, statement: str, parameters: Sequence[Any]) -> None:
        """One statement that is a transaction of its own: half the cost of a pipeline.

        statement: begins with AS_TENANT, and every row it writes comes `from as_tenant`, so that the tenant is set
        before the row is checked. It must read no table of a tenant.
        """
        with self._problems("pool"):
            async with self._pooled() as connection:
                await connection.execute(statement, (str(tenant_id), *parameters), prepare=True)

    async def fetch(self, tenant_id: UUID, statement: str | bytes, parameters: Sequence[Any]) -> list[Any]:
        """The rows of one statement that is a transaction of its own: half the cost of a pipeline.

        statement: begins at a row that sets the tenant, as in AS_TENANT, and reaches every table of a tenant laterally
        from that row, so that none is read before.
        """
        with self._problems("pool"):
            async with self._pooled() as connection:
                cursor = await connection.execute(statement, (str(tenant_id), *parameters), prepare=True, binary=True)
                return await cursor.fetchall()

    async def ask(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """The rows of one statement that is a transaction of its own and touches no table of a tenant."""
        with self._problems("pool"):
            async with self._pooled() as connection:
                cursor = await connection.execute(statement, parameters, prepare=True, binary=True)
                return await cursor.fetchall()

    async def ping(self) -> None:
        """Errors: DatabaseUnavailable; ConnectionsBusy, when it is this process that has too few."""
        with self._problems("pool"):
            async with self._pooled(PING_SECONDS) as connection:
                await connection.execute("select 1")

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[AsyncConnection]:
        async with self.engine.begin() as connection:
            with self._counted("engine"):
                yield connection

    @asynccontextmanager
    async def _pooled(self, seconds: float | None = None) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with self.pool.connection(seconds) as connection:
            with self._counted("pool"):
                yield connection

    @contextmanager
    def _counted(self, lane: str) -> Iterator[None]:
        self._in_use[lane] += 1
        try:
            yield
        finally:
            self._in_use[lane] -= 1

    @contextmanager
    def _problems(self, lane: str) -> Iterator[None]:
        """As database_problems; a wait for a connection while each of them is in use says nothing of the database."""
        try:
            with database_problems():
                yield
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, PoolExhausted | PoolTimeout) and self._in_use[lane] >= self.size:
                BUSY.inc()
                raise ConnectionsBusy(
                    f"All {self.size} database connections of this process are in use.", retry_after=1
                ) from error
            raise

    async def close(self) -> None:
        await self.pool.close()
        await self.engine.dispose()


def driver_sql(statement: str) -> str:
    """A statement with SQLAlchemy's `:name` parameters as the driver takes it."""
    return _NAMED.sub(r"%(\1)s", statement)


async def in_one_trip(
    connection: AsyncConnection, *statements: tuple[str, Mapping[str, Any]]
) -> list[list[tuple[Any, ...]]]:
    """Runs statements of the driver in the caller's transaction, sent together; the rows of each."""
    raw: Any = (await connection.get_raw_connection()).driver_connection
    async with raw.pipeline():
        cursors = [await raw.execute(statement, values, prepare=True) for statement, values in statements]
    return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]


async def notify(connection: AsyncConnection, channel: str, payload: str = "") -> None:
    """Tells every listener on `channel`, if and when the transaction commits."""
    await connection.execute(text("select pg_notify(:c, :p)"), {"c": channel, "p": payload})


async def moment(connection: AsyncConnection, clock: Clock | None = None) -> datetime:
    """The database's time, which all processes share, unless a clock is given."""
    if clock:
        return clock.now()
    found: datetime = await connection.scalar(text("select clock_timestamp()"))
    return found


async def listen(
    database: Database, channel: str, handler: Callable[[str], Awaitable[None]], poll_seconds: float = 5.0
) -> None:
    """Calls `handler` with each payload on `channel`, and with an empty one every `poll_seconds` and after each
    reconnect, because a notification sent while nobody listened is gone. Runs until cancelled; survives the database.
    """
    while True:
        try:
            await _listen_once(database, channel, handler, poll_seconds)
        except (psycopg.Error, Problem, OSError) as error:
            log.warning("listen_interrupted", channel=channel, error=type(error).__name__)
            await asyncio.sleep(0.5)


async def _listen_once(
    database: Database, channel: str, handler: Callable[[str], Awaitable[None]], poll_seconds: float
) -> None:
    connection = await psycopg.AsyncConnection.connect(database.url, autocommit=True, connect_timeout=CONNECT_SECONDS)
    async with connection:
        await connection.execute(psycopg.sql.SQL("listen {}").format(psycopg.sql.Identifier(channel)))
        while True:
            await handler("")
            async for message in connection.notifies(timeout=poll_seconds):
                await handler(message.payload)


async def _autocommit(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)


async def open_database(url: str, size: int) -> Database:
    """Opens nothing yet: the first use connects, so that a service can start while the database is away.

    url: postgresql://…; size: the most connections of each of the two pools.
    """
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=size,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_recycle=1800,
        pool_pre_ping=True,  # what a restarted server left behind is replaced, not handed out
        hide_parameters=True,  # errors are logged, and parameters hold what users wrote
        connect_args={"connect_timeout": CONNECT_SECONDS, "prepare_threshold": 2},
    )
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
        url,
        min_size=0,
        max_size=size,
        timeout=POOL_SECONDS,
        reconnect_timeout=0,
        open=False,
        configure=_autocommit,  # not in kwargs: the queue's library adds its own there
        kwargs={"connect_timeout": CONNECT_SECONDS, "prepare_threshold": 2},
    )
    await pool.open(wait=False)
    return Database(url, engine, pool, size)


@asynccontextmanager
async def background(*jobs: Awaitable[None]) -> AsyncIterator[None]:
    """Runs coroutines beside the block and ends them with it."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
