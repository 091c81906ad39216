"""A worker is killed before, during and after the run of an approved action: the action runs exactly once."""

import asyncio
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.core.embedded import Urls
from app.core.jobs import Worker
from tests.actions.conftest import Shop, open_shop, shop
from tests.clock import until
from tests.conftest import ROOT
from tests.e2e.conftest import environment
from tests.forks import KILL, Forks

__all__ = ["open_shop", "shop"]

BLOCKED = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
JOBS = "select id from procrastinate_jobs where task_name = 'actions.run' and args->>'action_id' = '{}'"


@asynccontextmanager
async def at_work(urls: Urls, data: Path, forks: Forks) -> AsyncIterator[Process]:
    """A worker process, killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *forks.command("app"), "worker", cwd=ROOT, stdout=DEVNULL, stderr=DEVNULL,
        env=environment(data, DATABASE_URL=urls.service, APP_EMBEDDER="none"),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(KILL)
        await process.wait()


class Hand:
    """Locks rows of the database, so that the worker blocks at a chosen point."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.open: list[psycopg.AsyncConnection[Any]] = []

    async def hold(self, sql: str, *values: Any) -> psycopg.AsyncConnection[Any]:
        connection = await psycopg.AsyncConnection.connect(self.shop.urls.owner)
        self.open.append(connection)
        assert (await connection.execute(f"{sql} for update", values)).rowcount == 1
        return connection

    async def let_go(self) -> None:
        """Terminate the database session of the killed worker, whose waiting statement would run otherwise."""
        async with await psycopg.AsyncConnection.connect(self.shop.urls.owner) as connection:
            await connection.execute(f"select pg_terminate_backend(pid, 5000) {BLOCKED}")
        for connection in self.open:
            await connection.close()

    async def blocked(self, many: int = 1) -> None:
        async def look() -> bool:
            async with await psycopg.AsyncConnection.connect(self.shop.urls.owner) as connection:
                found = await (await connection.execute(f"select count(*) {BLOCKED}")).fetchone()
            return bool(found and found[0] >= many)

        await until(look)


async def finished_by_others(shop: Shop) -> None:
    """Run a worker after the heartbeat of the killed one has expired."""
    worker = Worker(shop.state.database, shop.state.jobs, concurrency=2)
    async with worker.app.open_async(shop.state.database.pool):
        await worker.reap(silent_seconds=0)
    await worker.run(wait=False)


@pytest.mark.parametrize("held", ["actions", "tickets"], ids=["before it", "in the middle of it"])
async def test_an_action_killed_before_its_commit_has_no_effect_and_runs_again(
    shop: Shop, database_urls: Urls, tmp_path: Path, forks: Forks, held: str
) -> None:
    proposal, hand = await shop.approved(), Hand(shop)
    which = proposal.id if held == "actions" else (await shop.rows("select id from tickets"))[0][0]
    await hand.hold(f"select 1 from {held} where id = %s", which)
    async with at_work(database_urls, tmp_path, forks) as process:
        await hand.blocked()
        process.send_signal(KILL)
        await process.wait()
    await hand.let_go()
    assert (await shop.shown(proposal)).state == "approved"
    assert await shop.effects() == (0, 0)
    await finished_by_others(shop)
    assert (await shop.shown(proposal)).state == "done"
    assert await shop.effects() == (1, 1)
    assert len(await shop.audited()) == 1


async def test_an_action_killed_after_its_commit_does_not_run_again(
    shop: Shop, database_urls: Urls, tmp_path: Path, forks: Forks
) -> None:
    proposal, hand = await shop.approved(), Hand(shop)
    ticket = await hand.hold("select 1 from tickets where tenant_id = %s", shop.tenant)
    async with at_work(database_urls, tmp_path, forks) as process:
        await hand.blocked()
        [(job,)] = await shop.rows(JOBS.format(proposal.id))
        await hand.hold("select 1 from procrastinate_jobs where id = %s", job)
        await ticket.rollback()

        async def done() -> bool:
            return (await shop.shown(proposal)).state == "done"

        await until(done)
        await hand.blocked()  # it wants to say so to the queue
        process.send_signal(KILL)
        await process.wait()
    await hand.let_go()
    assert len(await shop.rows(JOBS.format(proposal.id))) == 1
    await finished_by_others(shop)
    assert await shop.rows(JOBS.format(proposal.id)) == []
    assert await shop.effects() == (1, 1)
    assert len(await shop.audited()) == 1
