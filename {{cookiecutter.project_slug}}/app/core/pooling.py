"""Detection of a connection pooler in transaction mode, behind which session state and locks do not work.

Ordinary work may go through one where a second address leads past it to the same database.
"""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from app.core.errors import StartRefused
from app.core.event_loop import run_coroutine

ATTEMPTS = 3
PATIENT_SECONDS = 15
"""To connect at all: a busy machine is no reason to give up."""
WAIT_SECONDS = 2
"""For a second session, which some poolers do not have."""
NO_TRANSACTIONS = "08P01"  # a pooler in statement mode refuses the first `begin`

SERVICE_SETTING, SESSION_SETTING = "DATABASE_URL", "APP_DATABASE_SESSION_URL"

Connection = psycopg.AsyncConnection[Any]


async def refuse_shared_sessions(url: str, setting: str) -> None:
    """Errors: StartRefused when a pooler gives the session of one connection to another between two transactions.

    A direct connection costs one statement. The driver's own errors pass unchanged.
    """
    async with await _connect(url) as first:
        if await _session(first) == first.info.backend_pid:
            return  # the backend that accepted the connection runs the statement: there is no pooler
        for _ in range(ATTEMPTS):
            if await _shares(url, first):
                raise StartRefused(_sentence(setting))


async def check_addresses(service_url: str, session_url: str) -> None:
    """Where a session address is given, the other one may lead through a pooler in transaction mode, which is checked
    here with it. Errors: StartRefused. The driver's own errors pass unchanged.
    """
    if not session_url:
        await refuse_shared_sessions(service_url, SERVICE_SETTING)
        return
    await refuse_shared_sessions(session_url, SESSION_SETTING)
    async with await _connect(service_url) as pooled, await _connect(session_url) as direct:
        try:
            async with pooled.transaction():
                here = await _identity(pooled)
        except psycopg.Error as error:
            if error.sqlstate != NO_TRANSACTIONS:
                raise
            raise StartRefused(
                f"{SERVICE_SETTING} leads through a connection pooler in statement mode, which allows no transactions; "
                "set pool_mode = transaction for this database in PgBouncer."
            ) from error
        if here != await _identity(direct):
            raise StartRefused(
                f"{SESSION_SETTING} leads to another database or role than {SERVICE_SETTING}; both must name the same."
            )


async def _identity(connection: Connection) -> tuple[object, ...]:
    """Which database of which server this is, and as which role."""
    cursor = await connection.execute(
        "select pg_postmaster_start_time(), oid, current_user from pg_database where datname = current_database()"
    )
    return tuple(await cursor.fetchone() or ())


def refuse_shared_sessions_now(url: str, setting: str) -> None:
    """As refuse_shared_sessions, for synchronous code, also inside a running event loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: run_coroutine(refuse_shared_sessions(url, setting))).result()


async def _connect(url: str) -> Connection:
    return await psycopg.AsyncConnection.connect(
        url, autocommit=True, prepare_threshold=None, connect_timeout=PATIENT_SECONDS
    )


async def _session(connection: Connection) -> int:
    row = await (await connection.execute("select pg_backend_pid()")).fetchone()
    return int(row[0]) if row else 0


async def _shares(url: str, first: Connection) -> bool:
    """Whether a second connection's transaction gets the session of the first, which is idle."""
    mine = await _session(first)
    try:
        with contextlib.suppress(TimeoutError):  # no session is left for a second connection: sessions are not shared
            async with asyncio.timeout(WAIT_SECONDS), await _connect(url) as second:
                await second.execute("begin")
                theirs = await _session(second)
                await second.execute("rollback")
                if theirs == mine:
                    return True
    except psycopg.Error as error:
        return error.sqlstate == NO_TRANSACTIONS
    return await _session(first) != mine


def _sentence(setting: str) -> str:
    both = f"name the database server itself in {SESSION_SETTING} besides, " if setting == SERVICE_SETTING else ""
    return (
        f"{setting} leads through a connection pooler in transaction mode, and prepared statements, LISTEN and "
        f"advisory locks do not hold there; {both}set pool_mode = session for this database in PgBouncer, or name the "
        f"database server itself in {setting}."
    )
