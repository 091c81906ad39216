"""Whoever collects or settles money of several shards waits for nobody who waits for them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from app.core.database import Database
from app.core.embedded import Urls
from app.costs.domain.budgets import Hold, Settlement
from app.costs.repository import budget_store
from tests.clock import until
from tests.costs.test_concurrent_holds import connected

pytestmark = pytest.mark.usefixtures("empty_budgets")

Connection = psycopg.Connection[Any]

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
LAPSED, LAPSED_LATER = NOON + timedelta(seconds=60), NOON + timedelta(seconds=61)
TOMORROW = NOON + timedelta(days=1)
LIMIT, WANTED = 1000, 750
HOLD = "select day, stripe from budget_hold(%s, %s, %s, %s, 60, 'UTC', %s, %s)"
SHARDS = "insert into budget_shards values (%(of)s, %(day)s, 0, 100, 100, 0, 1), (%(of)s, %(day)s, 1, 0, 200, 0, 1)"
WINDOWS = "update budget_windows set handed_out = 400"
LAPSING = "insert into budget_holds values (%s, %s, %s, %s, 100, 0, false, %s)"
IS_WAITING = "select count(*) from pg_stat_activity where application_name = %s and wait_event_type = 'Lock'"
BLOCKED = "select count(*) from pg_stat_activity where %s = any(pg_blocking_pids(pid))"
MONEY = "select sum(held)::int, sum(committed)::int from budget_shards"


async def test_reservations_of_two_days_at_midnight(database_urls: Urls, tenant: UUID) -> None:
    """Both need the month. Whoever has it collects from the day before, whose windows the other has."""
    with (
        connected(database_urls) as holder,
        connected(database_urls, "today") as late,
        connected(database_urls, "tomorrow") as early,
        ThreadPoolExecutor(2) as pool,
    ):
        _reserve_in_two_shards(holder, tenant)
        with holder.transaction():
            holder.execute("select 1 from budget_windows where span = 'month' for update")
            tomorrow = pool.submit(_hold, early, tenant, WANTED, TOMORROW)
            await until(lambda: _is_waiting(holder, "tomorrow"))
            today = pool.submit(_hold, late, tenant, LIMIT - WANTED, NOON)
            await until(lambda: _is_waiting(holder, "today"))
        assert tomorrow.result()[0] == TOMORROW.date()
        assert today.result()[0] == NOON.date()


def settle(connection: Connection, tenant: UUID, holds: list[UUID]) -> None:
    days = [NOON.date()] * 2
    connection.execute("select budget_settle(%s, %s, %s, %s::smallint[], 1)", (holds, tenant, days, [0, 1]))


def sweep(connection: Connection, tenant: UUID, holds: list[UUID]) -> None:
    connection.execute("select budget_sweep(%s)", (LAPSED,))


@pytest.mark.parametrize(("ends", "committed"), [(settle, 1), (sweep, 0)])
async def test_a_reservation_collects_while_reservations_of_two_shards_end(
    database_urls: Urls, tenant: UUID, ends: Callable[[Connection, UUID, list[UUID]], None], committed: int
) -> None:
    """It locks the second shard to sweep it, then the first to collect it; the end of both begins with the first."""
    with (
        connected(database_urls) as holder,
        connected(database_urls, "ending") as ending,
        connected(database_urls, "collecting") as collecting,
        ThreadPoolExecutor(2) as pool,
    ):
        holds = _reserve_in_two_shards(holder, tenant)
        with holder.transaction():
            holder.execute("select 1 from budget_shards where stripe = 0 for update")
            ended: Future[None] = pool.submit(ends, ending, tenant, holds)
            await until(lambda: _is_waiting(holder, "ending"))
            collected = pool.submit(_hold, collecting, tenant, WANTED, LAPSED_LATER)
            await until(lambda: _is_waiting(holder, "collecting"))
        ended.result()
        assert collected.result()[0] == NOON.date()
        assert holder.execute(MONEY).fetchone() == (WANTED, committed)


async def test_a_late_charge_waits_for_its_turn_before_it_locks_its_reservations(
    database: Database, database_urls: Urls, tenant: UUID
) -> None:
    """Another attempt at the same charge has had its turn, and locks the same reservations."""
    with connected(database_urls) as holder:
        first, second = _reserve_in_two_shards(holder, tenant)
        holds = tuple(Hold(id, tenant, NOON.date(), stripe, 100, 1) for stripe, id in enumerate((first, second)))

        async def charged() -> bool:
            async with database.transaction(tenant) as connection:
                return await budget_store.charged(connection, Settlement(holds, 1), None, [])

        with holder.transaction():
            holder.execute("select budget_lock(%s, %s)", (tenant, NOON.date()))
            found = asyncio.create_task(charged())
            blocked = (BLOCKED, (holder.info.backend_pid,))
            await until(lambda: found.done() or (holder.execute(*blocked).fetchone() or (0,))[0])
            assert not found.done()
            assert len(holder.execute("select 1 from budget_holds for update nowait").fetchall()) == 3
        assert not await found


def _reserve_in_two_shards(connection: Connection, tenant: UUID) -> list[UUID]:
    """One reservation of each shard, which lapse at the same time, and one of the second that lapses later."""
    first, second, later = uuid4(), uuid4(), uuid4()
    scope = {"of": tenant, "day": NOON.date()}
    connection.execute("select budget_lock(%(of)s, %(day)s)", scope)
    connection.execute(WINDOWS)
    connection.execute(SHARDS, scope)
    for id, stripe, until_ in ((first, 0, LAPSED), (second, 1, LAPSED), (later, 1, LAPSED_LATER)):
        connection.execute(LAPSING, (id, tenant, NOON.date(), stripe, until_))
    return [first, second]


def _hold(connection: Connection, tenant: UUID, amount: int, at: datetime) -> Any:
    return connection.execute(HOLD, (uuid4(), tenant, amount, amount, [LIMIT] * 4, at)).fetchone()


def _is_waiting(connection: Connection, name: str) -> bool:
    return bool((connection.execute(IS_WAITING, (name,)).fetchone() or (0,))[0])
