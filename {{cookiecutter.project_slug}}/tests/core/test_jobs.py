"""Against the real queue: jobs run after the commit, and none is lost when a worker dies."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import procrastinate
import pytest
from sqlalchemy import text

from app.core.background import background
from app.core.database import Database, listen, notify
from app.core.jobs import Attempt, JobSpec, Worker, enqueue


def worker_of(database: Database, run: Callable[..., Awaitable[None]], **options: Any) -> tuple[Worker, str]:
    name = f"test.{uuid4().hex}"
    return Worker(database, [JobSpec(name, run, queue=name, **options)], concurrency=2), name


async def test_a_job_runs_after_the_commit(database: Database) -> None:
    runs: list[int] = []

    async def run(attempt: Attempt, number: int) -> None:
        runs.append(number)

    worker, name = worker_of(database, run)
    async with database.transaction(None) as connection:
        await enqueue(connection, name, queue=name, number=7)
    await worker.run(wait=False)
    assert runs == [7]


async def test_a_job_never_runs_after_a_rollback(database: Database) -> None:
    runs: list[int] = []

    async def run(attempt: Attempt, number: int) -> None:
        runs.append(number)

    worker, name = worker_of(database, run)
    with pytest.raises(KeyError):
        async with database.transaction(None) as connection:
            await enqueue(connection, name, queue=name, number=7)
            raise KeyError
    await worker.run(wait=False)
    assert runs == []


async def test_a_poison_job_fails_with_its_reason_and_the_queue_goes_on(database: Database) -> None:
    dead_reasons: list[str] = []
    runs: list[int] = []

    async def run(attempt: Attempt, number: int) -> None:
        if number == 0:
            raise ValueError("poison")
        runs.append(number)

    async def dead(number: int, reason: str) -> None:
        dead_reasons.append(reason)

    worker, name = worker_of(database, run, dead=dead, attempts=1)
    async with database.transaction(None) as connection:
        for number in range(3):
            await enqueue(connection, name, queue=name, number=number)
    await worker.run(wait=False)
    assert dead_reasons == ["ValueError"]
    assert sorted(runs) == [1, 2]


async def test_a_failed_attempt_is_retried_with_the_next_attempt_number(database: Database) -> None:
    attempts: list[Attempt] = []

    async def run(attempt: Attempt) -> None:
        attempts.append(attempt)
        if len(attempts) == 1:
            raise ValueError

    worker, name = worker_of(database, run, attempts=2)
    async with database.transaction(None) as connection:
        await enqueue(connection, name, queue=name)
    await worker.run(wait=False)
    async with database.transaction(None) as connection:
        await connection.execute(
            text("update procrastinate_jobs set scheduled_at = null where task_name = :n"), {"n": name}
        )
    await worker.run(wait=False)
    assert attempts == [Attempt(1, last=False), Attempt(2, last=True)]


@pytest.mark.parametrize("trace", ["silent", "vanished"])
async def test_the_job_of_a_dead_worker_is_taken_over(database: Database, trace: str) -> None:
    runs: list[Attempt] = []

    async def run(attempt: Attempt) -> None:
        runs.append(attempt)

    worker, name = worker_of(database, run)
    await _abandon_job(database, name, trace, attempts=0)
    async with worker.app.open_async(database.pool):
        assert await worker.reap() >= 1
    await worker.run(wait=False)
    assert runs == [Attempt(2, last=False)]


async def test_a_running_worker_takes_over_the_jobs_of_dead_ones(database: Database) -> None:
    taken = asyncio.Event()

    async def run(attempt: Attempt) -> None:
        taken.set()

    worker, name = worker_of(database, run)
    await _abandon_job(database, name, "silent", attempts=0)
    async with background(worker.run):
        await taken.wait()


async def test_a_job_that_kills_every_worker_is_buried(database: Database) -> None:
    dead_reasons: list[str] = []

    async def run(attempt: Attempt) -> None:
        raise AssertionError("must not run again")

    async def dead(reason: str) -> None:
        dead_reasons.append(reason)

    worker, name = worker_of(database, run, dead=dead, attempts=3)
    await _abandon_job(database, name, "silent", attempts=2)
    async with worker.app.open_async(database.pool):
        await worker.reap()
    await worker.run(wait=False)
    assert dead_reasons == ["The worker died in every attempt."]


async def test_a_worker_that_is_cancelled_in_its_first_moment_takes_no_job(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the cancellation is swallowed, as `asyncio.wait_for` of Python 3.11 does in a race."""
    began, proceed, ran = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(attempt: Attempt) -> None:
        ran.set()

    async def register(*_: object) -> list[int]:
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await proceed.wait()
        return []

    monkeypatch.setattr("procrastinate.manager.JobManager.prune_stalled_workers", register)
    worker, name = worker_of(database, run)
    async with database.transaction(None) as connection:
        await enqueue(connection, name, queue=name)
    working = asyncio.ensure_future(worker.run())
    await began.wait()
    working.cancel()
    await asyncio.sleep(0)
    proceed.set()
    running = asyncio.ensure_future(ran.wait())
    await asyncio.wait({working, running}, return_when=asyncio.FIRST_COMPLETED)
    outcome = working.cancelled(), running.done()
    await _cancelled(working, running)
    assert outcome == (True, False)


async def test_a_worker_that_is_cancelled_while_the_database_is_away_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, again = asyncio.Queue[None](), asyncio.Event()

    async def run(attempt: Attempt) -> None: ...

    async def away(*_: object) -> None:
        raise procrastinate.exceptions.ConnectorException

    async def began(*_: object) -> list[int]:
        if starts.qsize():
            again.set()
        await starts.put(None)
        return []

    monkeypatch.setattr("procrastinate.manager.JobManager.prune_stalled_workers", began)
    monkeypatch.setattr("procrastinate.manager.JobManager.unregister_worker", away)
    worker, _ = worker_of(database, run)
    working, trying = asyncio.ensure_future(worker.run()), asyncio.ensure_future(again.wait())
    await starts.get()
    await starts.put(None)
    working.cancel()
    await asyncio.wait({working, trying}, return_when=asyncio.FIRST_COMPLETED)
    ended = working.cancelled()
    await _cancelled(working, trying)
    assert ended


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _abandon_job(database: Database, name: str, trace: str, attempts: int) -> None:
    """A job as a killed worker leaves it: in `doing`, its worker without heartbeat or already removed."""
    async with database.transaction(None) as connection:
        await enqueue(connection, name, queue=name)
        silent = "insert into procrastinate_workers (last_heartbeat) values (now() - interval '1 hour') returning id"
        holder = (await connection.execute(text(silent))).scalar() if trace == "silent" else None
        await connection.execute(
            text("update procrastinate_jobs set status = 'doing', worker_id = :w, attempts = :a where task_name = :n"),
            {"w": holder, "a": attempts, "n": name},
        )


async def test_a_listener_receives_committed_notifications_only(database: Database) -> None:
    channel, received = f"c{uuid4().hex}", asyncio.Queue[str]()
    started = asyncio.Event()

    async def handler(payload: str) -> None:
        started.set()
        if payload:
            await received.put(payload)

    async with background(lambda: listen(database, channel, handler)):
        await started.wait()
        with pytest.raises(KeyError):
            async with database.transaction(None) as connection:
                await notify(connection, channel, "undone")
                raise KeyError
        async with database.transaction(None) as connection:
            await notify(connection, channel, "done")
        assert await received.get() == "done"


async def test_a_listener_survives_the_loss_of_its_connection(database: Database, database_urls: Any) -> None:
    channel, calls = f"c{uuid4().hex}", asyncio.Queue[str]()

    async with background(lambda: listen(database, channel, calls.put)):
        assert await calls.get() == ""
        async with database.transaction(None) as connection:
            killed = await connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where query ilike :q and pid <> pg_backend_pid()"
                ),
                {"q": f"listen%{channel}%"},
            )
            assert killed.scalar() is True
        assert await calls.get() == ""
