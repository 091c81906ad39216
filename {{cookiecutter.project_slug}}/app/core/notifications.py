"""A readiness check that a notification arrives: without it a process does not hear of revoked keys and releases."""

from functools import partial

import psycopg

from app.core.clock import Clock
from app.core.database import CONNECT_SECONDS, Database, database_problems
from app.core.errors import DatabaseUnavailable
from app.core.health import CachedCheck
from app.core.ids import new_id

CACHE_SECONDS = 30.0
ARRIVES_SECONDS = 0.5
CHANNEL = "app_readiness"


def notification_check(database: Database, clock: Clock) -> CachedCheck:
    """Sends one through the ordinary address and receives it at that of sessions."""
    return CachedCheck(partial(_send, database), clock, CACHE_SECONDS)


async def _send(database: Database) -> None:
    """Errors: DatabaseUnavailable."""
    sent = new_id().hex
    with database_problems():
        listener = await psycopg.AsyncConnection.connect(
            database.session_url, autocommit=True, connect_timeout=CONNECT_SECONDS
        )
        async with listener:
            await listener.execute(f"listen {CHANNEL}")
            async with database.pool.connection() as connection:
                await connection.execute("select pg_notify(%s, %s)", (CHANNEL, sent))
            async for message in listener.notifies(timeout=ARRIVES_SECONDS):
                if message.payload == sent:
                    return
    raise DatabaseUnavailable(
        "A notification did not arrive.",
        action="Name the database server itself in APP_DATABASE_SESSION_URL, not a pooler.",
    )
