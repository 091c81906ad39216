import asyncio

import pytest
from sqlalchemy import text

from app.core import locks
from app.core.database import Database
from app.core.locks import AdvisoryLock, lock, lock_name, lock_name_shared, lock_shared

ALL = {name: value for name, value in vars(locks).items() if isinstance(value, AdvisoryLock) and name != "_NAMED"}


async def test_no_two_locks_share_a_key(database: Database) -> None:
    async with database.transaction(None) as connection:
        keys = {name: await connection.scalar(text(f"select ({each.key})::bigint")) for name, each in ALL.items()}
    assert len(ALL) >= 6
    assert len(set(keys.values())) == len(ALL), keys


@pytest.mark.parametrize("named", [False, True])
async def test_shared_locks_go_together_and_an_exclusive_one_waits_for_them(database: Database, named: bool) -> None:
    order: list[str] = []

    async def exclusive() -> None:
        async with database.transaction(None) as connection:
            await (lock_name(connection, "tickets 1") if named else lock(connection, locks.INDEXES))
            order.append("exclusive")

    async with database.transaction(None) as one, database.transaction(None) as other:
        for connection in (one, other):
            await (lock_name_shared(connection, "tickets 1") if named else lock_shared(connection, locks.INDEXES))
        waiting = asyncio.create_task(exclusive())
        async with database.transaction(None) as third:
            # Another name, or another lock, is not waited for.
            await (lock_name(third, "tickets 2") if named else lock(third, locks.RELEASES))
        order.append("shared")
    await waiting
    assert order == ["shared", "exclusive"]
