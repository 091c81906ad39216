"""The database: transactions under row-level security, a faster path for answers, notifications."""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
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
from app.core.errors import (
    ConnectionsBusy,
    Contended,
    DatabaseUnavailable,
    ErasedMeanwhile,
    Problem,
    StorageFull,
    Unstorable,
)
from app.core.logging import log_failure
from app.core.queue_waits import DATABASE, QueueWaits
from app.core.telemetry import counter

log = structlog.get_logger(__name__)

BUSY = counter(
    "app_database_connections_busy_total",
    "Timed-out waits for a database connection while this process had all of its own in use.",
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
SET_READ_AT = "select set_config('app.read_at', %s, true)"
"""Since when what this transaction stores was read: a time of `Database.earliest_now`. The function refuse_erased()
compares it with the erasures of the tenant.
"""
AS_TENANT = "with as_tenant as materialized (select set_config('app.tenant_id', %s, true))"
AS_TENANT_READ_AT = (
    "with as_tenant as materialized (select set_config('app.tenant_id', %s, true), set_config('app.read_at', %s, true))"
)
CONNECT_SECONDS = 2
POOL_SECONDS = 1.0
PREPARE_THRESHOLD = 2
TIME_SECONDS = 1.0
"""For how long the database's clock is told by this process's own, which runs as fast within that time."""
PING_SECONDS = 0.5
"""Shorter than a readiness check may take, so that a full pool and an unreachable database give different errors."""

STORAGE_FULL = {"53100", "53200"}
UNSTORABLE = {"22003", "22008", "22021", "22P05"}
"""A number or a date out of range, and invalid text."""
CONTENDED = {"40001", "40P01", "55P03"}
ERASED = ("55000", "erased_meanwhile")
"""The state and the constraint of the errors of refuse_erased()."""
AWAY = {"57P01", "57P02", "57P03", "53300", "08000", "08003", "08006", "08001"}


def problem_of(error: BaseException) -> Problem | None:
    """The problem to report for a database error; None for a programming error."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, PoolExhausted | PoolTimeout):
        return DatabaseUnavailable("No connection to the database was made in time.", retry_after=1)
    if not isinstance(cause, psycopg.Error):
        return DatabaseUnavailable(retry_after=1) if isinstance(error, InterfaceError) else None
    state = cause.sqlstate
    if state in STORAGE_FULL:
        return StorageFull()
    if state in UNSTORABLE or (state is None and isinstance(cause, psycopg.DataError)):
        log_failure(log, "core.database_rejected_value", error)  # input checks should have rejected it
        return Unstorable()
    if state in CONTENDED:
        return Contended(retry_after=1)
    if (state, cause.diag.constraint_name) == ERASED:
        return ErasedMeanwhile(retry_after=1)
    if state in AWAY or (state is None and isinstance(cause, psycopg.OperationalError)):
        return DatabaseUnavailable(retry_after=1)
    return None


@contextmanager
def database_problems() -> Iterator[None]:
    """Turn errors of the driver into problems; programming errors pass unchanged."""
    try:
        yield
    except (DBAPIError, psycopg.Error, PoolExhausted, PoolTimeout) as error:
        if problem := problem_of(error):
            raise problem from error
        raise


@dataclass(slots=True)
class _SeenTime:
    """A time of the database's clock, and when it was known here, in seconds of the monotonic clock."""

    at: datetime
    known: float


@dataclass(frozen=True)
class Database:
    """Connections as the role that cannot bypass row-level security.

    `transaction` and `read` for ordinary work; `pipeline`, `insert`, `fetch` and `ask` for the hot path.
    session_url, session_pool: for what needs a session of its own: notifications and the queue's worker.
    waits: for a connection of the hot path.
    """

    session_url: str
    engine: AsyncEngine
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]]
    session_pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]]
    size: int
    waits: QueueWaits = field(default_factory=QueueWaits)
    _in_use: Counter[str] = field(default_factory=Counter)
    _seen: list[_SeenTime] = field(default_factory=list)

    async def earliest_now(self) -> datetime:
        """The time of the database's clock, which all processes share: never later than now, and earlier by no more
        than a round trip. Whoever reads text to store something made from it asks for this first.
        """
        if not self._seen or time.monotonic() - self._seen[-1].known > TIME_SECONDS:
            [(at,)] = await self.ask("select clock_timestamp()", ())
            self._seen[:] = [_SeenTime(at, time.monotonic())]
        seen = self._seen[-1]
        return seen.at + timedelta(seconds=time.monotonic() - seen.known)

    @asynccontextmanager
    async def transaction(
        self, tenant_id: UUID | None, read_at: datetime | None = None
    ) -> AsyncIterator[AsyncConnection]:
        """One transaction that reads and writes only `tenant_id`'s rows (None: only rows without a tenant).

        Commits at the end of the block, rolls back on an exception. read_at: since when what is stored was read, by
        `earliest_now`; None where that was in this transaction.
        Errors: DatabaseUnavailable, ConnectionsBusy, Contended, StorageFull, ErasedMeanwhile.
        """
        with self._problems("engine"):
            async with self._begun() as connection:
                if tenant_id is not None:
                    await connection.execute(
                        text("select set_config('app.tenant_id', :t, true)"), {"t": str(tenant_id)}
                    )
                if read_at is not None:
                    await connection.execute(text("select set_config('app.read_at', :t, true)"), {"t": str(read_at)})
                yield connection

    @asynccontextmanager
    async def read(self, tenant_id: UUID | None) -> AsyncIterator[AsyncConnection]:
        """As `transaction`, but read-only: the database rejects any write."""
        async with self.transaction(tenant_id) as connection:
            await connection.execute(text("set transaction read only"))
            yield connection

    @asynccontextmanager
    async def pipeline(
        self, tenant_id: UUID, read_at: datetime | None = None
    ) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """One transaction in pipeline mode: statements are sent together, and their results available after the block.

        Commits at the end of the block, or not at all. Keep the cursors that `execute` returns
        and fetch from them afterwards. read_at: as of `transaction`.
        """
        with self._problems("pool"):
            async with self._pooled() as connection, connection.pipeline():
                await connection.execute(SET_TENANT, (str(tenant_id),), prepare=True)
                if read_at is not None:
                    await connection.execute(SET_READ_AT, (str(read_at),), prepare=True)
                yield connection

    async def insert(self, tenant_id: UUID, statement: str, parameters: Sequence[Any]) -> None:
        """Run one statement as its own transaction, at half the cost of a pipeline.

        statement: begins with AS_TENANT or AS_TENANT_READ_AT, and every row it writes comes `from as_tenant`, so that
        the tenant is set before the row is checked. It must read no table of a tenant. Each `%s` is a parameter;
        another `%` stays.
        """
        with self._problems("pool"):
            async with self._pooled() as connection:
                cursor = psycopg.AsyncRawCursor(connection)
                await cursor.execute(_numbered(statement), (str(tenant_id), *parameters), prepare=True)

    async def fetch(self, tenant_id: UUID, statement: str | bytes, parameters: Sequence[Any]) -> list[Any]:
        """The rows of one statement run as its own transaction, at half the cost of a pipeline.

        statement: begins with a row that sets the tenant, as in AS_TENANT, and joins every table of a tenant laterally
        to that row, so that none is read before.
        """
        with self._problems("pool"):
            async with self._pooled() as connection:
                cursor = await connection.execute(statement, (str(tenant_id), *parameters), prepare=True, binary=True)
                return await cursor.fetchall()

    async def ask(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """The rows of one statement run as its own transaction; it must use no table of a tenant."""
        with self._problems("pool"):
            async with self._pooled() as connection:
                cursor = await connection.execute(statement, parameters, prepare=True, binary=True)
                return await cursor.fetchall()

    async def ping(self) -> None:
        """Errors: DatabaseUnavailable; ConnectionsBusy, when this process uses all of its connections."""
        with self._problems("pool"):
            async with self._pooled(PING_SECONDS) as connection:
                await connection.execute("select 1", prepare=True)  # as the hot path does

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[AsyncConnection]:
        async with self.engine.begin() as connection:
            self._in_use["engine"] += 1
            try:
                yield connection
            finally:
                self._in_use["engine"] -= 1

    @asynccontextmanager
    async def _pooled(self, seconds: float | None = None) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A connection in autocommit: nothing is left to commit at the end of the block, as the pool's own would do."""
        asked = time.monotonic()
        connection = await self.pool.getconn(seconds)
        self.waits.note(DATABASE, time.monotonic() - asked)
        self._in_use["pool"] += 1
        try:
            yield connection
        finally:
            self._in_use["pool"] -= 1
            await self.pool.putconn(connection)

    @contextmanager
    def _problems(self, lane: str) -> Iterator[None]:
        """As database_problems; a timeout while all connections are in use becomes ConnectionsBusy."""
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
        await self.session_pool.close()
        await self.engine.dispose()


@lru_cache
def _numbered(statement: str) -> bytes:
    """With the server's own parameters, $1 and so on, for each `%s`: the driver parses a statement with more than fifty
    parameters anew for each call, and that of an answer with the embedding of its question has seventy.
    """
    numbers = itertools.count(1)
    return re.sub("%s", lambda _: f"${next(numbers)}", statement).encode()


def driver_sql(statement: str) -> str:
    """A statement with SQLAlchemy's `:name` parameters in the driver's notation."""
    return _NAMED.sub(r"%(\1)s", statement)


async def in_one_round_trip(
    connection: AsyncConnection, *statements: tuple[str, Mapping[str, Any]]
) -> list[list[tuple[Any, ...]]]:
    """Run driver statements in the caller's transaction in one round trip; returns the rows of each."""
    raw: Any = (await connection.get_raw_connection()).driver_connection
    async with raw.pipeline():
        cursors = [await raw.execute(statement, values, prepare=True) for statement, values in statements]
    return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]


async def notify(connection: AsyncConnection, channel: str, payload: str = "") -> None:
    """Notify every listener on `channel` when the transaction commits."""
    await connection.execute(text("select pg_notify(:c, :p)"), {"c": channel, "p": payload})


async def refuse_erased(connection: AsyncConnection, tenant_id: UUID, documents: Collection[str]) -> None:
    """For what belongs to several tenants, in a transaction without one: what the tables of one tenant do by
    themselves. From then on the transaction is in this tenant.

    documents: ids of those that the text was made from. Errors: ErasedMeanwhile.
    """
    await connection.execute(text("select set_config('app.tenant_id', :tenant, true)"), {"tenant": str(tenant_id)})
    values = {"tenant": tenant_id, "documents": list(documents)}
    await connection.execute(text("select refuse_erased(:tenant, cast(:documents as text[]))"), values)


async def moment(connection: AsyncConnection, clock: Clock | None = None) -> datetime:
    """The current time of the database, which all processes share, or that of `clock`."""
    if clock:
        return clock.now()
    now: datetime = await connection.scalar(text("select clock_timestamp()"))
    return now


async def listen(
    database: Database, channel: str, handler: Callable[[str], Awaitable[None]], poll_seconds: float = 5.0
) -> None:
    """Call `handler` with each payload on `channel`, and with an empty one every `poll_seconds` and after each
    reconnect, because notifications sent meanwhile are lost. Runs until cancelled and reconnects after errors.
    """
    while True:
        try:
            await _listen_once(database, channel, handler, poll_seconds)
        except (psycopg.Error, Problem, OSError) as error:
            log.warning("core.listener_disconnected", channel=channel, error=type(error).__name__)
            await asyncio.sleep(0.5)


async def _listen_once(
    database: Database, channel: str, handler: Callable[[str], Awaitable[None]], poll_seconds: float
) -> None:
    connection = await psycopg.AsyncConnection.connect(
        database.session_url, autocommit=True, connect_timeout=CONNECT_SECONDS
    )
    async with connection:
        await connection.execute(psycopg.sql.SQL("listen {}").format(psycopg.sql.Identifier(channel)))
        while True:
            await handler("")
            async for message in connection.notifies(timeout=poll_seconds):
                await handler(message.payload)


async def _autocommit(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)


async def open_database(url: str, size: int, session_url: str = "", wait_seconds: float | None = None) -> Database:
    """Create the pools; the first use connects, so that a service can start while the database is unavailable.

    url: postgresql://…; size: the maximum number of connections of each pool. session_url: past the pooler in
    transaction mode that `url` leads through, where statements cannot be prepared: their session may be another's next.
    wait_seconds: for a connection; None: as short as callers of an API are to wait.
    """
    prepare = None if session_url else PREPARE_THRESHOLD
    wait = POOL_SECONDS if wait_seconds is None else wait_seconds
    connect_seconds = max(CONNECT_SECONDS, int(wait))
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=size,
        max_overflow=0,
        pool_timeout=wait,
        pool_recycle=1800,
        pool_pre_ping=True,  # connections to a server that has restarted are replaced
        hide_parameters=True,  # errors are logged, and parameters contain text of users
        connect_args={"connect_timeout": connect_seconds, "prepare_threshold": prepare},
    )
    pool = await _open_pool(url, size, prepare, wait, connect_seconds)
    session_pool = pool
    if session_url:
        session_pool = await _open_pool(session_url, size, PREPARE_THRESHOLD, wait, connect_seconds)
    return Database(session_url or url, engine, pool, session_pool, size)


async def _open_pool(
    url: str, size: int, prepare_threshold: int | None, wait: float, connect_seconds: int
) -> AsyncConnectionPool[psycopg.AsyncConnection[Any]]:
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
        url,
        min_size=0,
        max_size=size,
        timeout=wait,
        reconnect_timeout=0,
        open=False,
        configure=_autocommit,  # not in kwargs: the queue's library adds its own there
        kwargs={"connect_timeout": connect_seconds, "prepare_threshold": prepare_threshold},
    )
    await pool.open(wait=False)
    return pool
