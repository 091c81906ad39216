"""Reservations beside each other lock rows in one order."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from app.core.embedded import Urls
from tests.clock import until

pytestmark = pytest.mark.usefixtures("empty_budgets")

LIMIT, AMOUNT = 1000, 100
HOLD = "select day, stripe from budget_hold(%s, %s, %s, %s, 3600, 'UTC', %s, null)"
PAUSE = 36070
PAUSING = f"""
    create function paused_reading() returns boolean language plpgsql as $$
    begin
        if current_setting('application_name') = 'paused' then
            perform pg_advisory_xact_lock({PAUSE});
        end if;
        return true;
    end $$;
    create policy paused on budget_shards using (paused_reading());
    alter table budget_shards enable row level security;
"""
NOT_PAUSING = """
    alter table budget_shards disable row level security;
    drop policy paused on budget_shards;
    drop function paused_reading();
"""
WAITING = "select count(*) from pg_stat_activity where application_name = 'paused' and %s = any(pg_blocking_pids(pid))"


async def test_a_shard_that_has_too_little_is_not_locked_while_its_reader_waits_for_the_windows(
    database_urls: Urls, tenant: UUID
) -> None:
    """Whoever holds the windows locks shards: the two would wait for each other."""
    with paused_reading(database_urls), connected(database_urls) as holder, connected(database_urls) as other:
        day, _ = hold(holder, tenant)
        holder.execute("update budget_shards set free = %s", (AMOUNT,))
        holder.execute("select pg_advisory_lock(%s)", (PAUSE,))
        with ThreadPoolExecutor(1) as pool, connected(database_urls, "paused") as reader:
            held: Future[Any] = pool.submit(hold, reader, tenant)
            await until(lambda: is_waiting(other, for_=holder))
            other.execute("update budget_shards set free = 0")
            with other.transaction():
                other.execute("select budget_lock(%s, %s)", (tenant, day))
                holder.execute("select pg_advisory_unlock(%s)", (PAUSE,))
                await until(lambda: is_waiting(holder, for_=other))
                assert other.execute("select 1 from budget_shards for update nowait").fetchall()
            assert held.result() == (day, 0)


def hold(connection: "psycopg.Connection[Any]", tenant: UUID) -> Any:
    return connection.execute(HOLD, (uuid4(), tenant, AMOUNT, AMOUNT, [LIMIT] * 4)).fetchone()


def is_waiting(connection: "psycopg.Connection[Any]", for_: "psycopg.Connection[Any]") -> bool:
    return bool((connection.execute(WAITING, (for_.info.backend_pid,)).fetchone() or (0,))[0])


@contextmanager
def connected(urls: Urls, name: str = "") -> Iterator["psycopg.Connection[Any]"]:
    url = urls.service.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True, application_name=name) as connection:
        yield connection


@contextmanager
def paused_reading(urls: Urls) -> Iterator[None]:
    """A connection of the name `paused` stops after its snapshot is taken and before it has read a shard."""
    with psycopg.connect(urls.owner, autocommit=True) as owner:
        owner.execute(PAUSING)
        try:
            yield
        finally:
            owner.execute(NOT_PAUSING)
