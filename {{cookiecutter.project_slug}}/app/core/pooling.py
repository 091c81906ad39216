"""Detection of a connection pooler in transaction mode, behind which session state and locks do not work."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from app.core.errors import StartRefused

ATTEMPTS = 3
WAIT_SECONDS = 2
NO_TRANSACTIONS = "08P01"  # a pooler in statement mode refuses the first `begin`

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


def refuse_shared_sessions_now(url: str, setting: str) -> None:
    """As refuse_shared_sessions, for synchronous code, also inside a running event loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(refuse_shared_sessions(url, setting))).result()


async def _connect(url: str) -> Connection:
    return await psycopg.AsyncConnection.connect(
        url, autocommit=True, prepare_threshold=None, connect_timeout=WAIT_SECONDS
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
    return (
        f"{setting} leads through a connection pooler in transaction mode, and prepared statements, LISTEN and "
        "advisory locks do not hold there; set pool_mode = session for this database in PgBouncer, or name the "
        f"database server itself in {setting}."
    )
