"""Background jobs: enqueued in the caller's transaction, run by any worker, and run again when a worker dies."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate import JobContext, PsycopgConnector
from procrastinate.jobs import Job
from procrastinate.worker import Worker as QueueWorker
from psycopg_pool import PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.background import background
from app.core.cancellation import was_cancelled
from app.core.database import Database
from app.core.errors import Problem
from app.core.job_queue import QueueDepth, add_attempts, depth_of_queue, park
from app.core.logging import log_failure
from app.core.telemetry import counter, gauge, span
from app.core.text import clean, safe_str

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 5.0
DAY_SECONDS = 86_400.0
STALLED_SECONDS = 20.0
REAP_SECONDS = 5.0
MEASURE_SECONDS = 5.0

_ended = counter("app_jobs_total", "Attempts of jobs, by result.", ["job", "result"])

_running = gauge("app_jobs_running", "Jobs that this worker runs now, by kind.", ["job"])
_ready = gauge("app_jobs_ready", "Jobs of the whole queue that wait for a worker, by kind.", ["job"])
_oldest = gauge("app_jobs_oldest_seconds", "For how long the first waiting job of the queue has waited.", ["job"])
_parked = gauge("app_jobs_parked", "Jobs of the whole queue that failed for good, by kind.", ["job"])

_deferrer = procrastinate.App(connector=PsycopgConnector())


@dataclass(frozen=True, slots=True)
class Attempt:
    """The attempt of a job, from 1; `last` when a failure is not retried."""

    number: int
    last: bool


@dataclass(frozen=True)
class JobSpec:
    """A kind of job. `run(attempt, **arguments)` must be idempotent: it may be called twice with the same arguments.

    dead: called with the arguments and the reason when the last attempt failed or killed its worker.
    longest_wait: between two attempts, in seconds.
    """

    name: str
    run: Callable[..., Awaitable[None]]
    dead: Callable[..., Awaitable[None]] | None = None
    attempts: int = 5
    queue: str = "default"
    longest_wait: int = 60


async def enqueue(
    connection: AsyncConnection,
    name: str,
    *,
    queue: str = "default",
    lock: str | None = None,
    **arguments: Any,
) -> int:
    """Add a job in the caller's transaction: it runs after the commit, and never after a rollback.

    lock: jobs with the same lock run one after the other. Arguments must be JSON.
    """
    raw = (await connection.get_raw_connection()).driver_connection
    task = _deferrer.configure_task(name, queue=queue, lock=lock, connection=raw)
    return await task.defer_async(**arguments)


async def enqueue_by_priority(
    connection: AsyncConnection, name: str, priority: int, *, queue: str = "default", **arguments: Any
) -> int:
    """As `enqueue`, with another priority than 0; higher ones run first, see `fair_priority`."""
    raw = (await connection.get_raw_connection()).driver_connection
    task = _deferrer.configure_task(name, queue=queue, priority=priority, connection=raw)
    return await task.defer_async(**arguments)


class JobFailed(Exception):
    """A job failed; the log has the error with its traceback."""


class Worker:
    """Runs the jobs of `specs`, and takes over those of workers that died."""

    def __init__(self, database: Database, specs: Iterable[JobSpec], concurrency: int) -> None:
        self.specs = {spec.name: spec for spec in specs}
        self.concurrency = concurrency
        self.database = database
        self._attempts: Counter[tuple[str, bool]] = Counter()
        self.app = procrastinate.App(connector=PsycopgConnector())
        for spec in self.specs.values():
            self._register(spec)

    def _register(self, spec: JobSpec) -> None:
        @self.app.task(name=spec.name, queue=spec.queue, pass_context=True, retry=_Backoff(spec))
        async def run(context: JobContext, /, **arguments: Any) -> None:
            number = (context.job.attempts if context.job else 0) + 1
            attempt = Attempt(number, last=number >= spec.attempts)
            with _running.labels(spec.name).track_inprogress():
                await self._run(spec, attempt, context.job.id if context.job else None, arguments)

    async def _run(self, spec: JobSpec, attempt: Attempt, job_id: int | None, arguments: Mapping[str, Any]) -> None:
        with span(f"job {spec.name}", job_attempt=attempt.number):
            try:
                await spec.run(attempt, **arguments)
            except BaseException as error:
                if was_cancelled(error):
                    raise
                await self._failed(spec, attempt, arguments, error)
                if attempt.last and job_id is not None:
                    await park(self.database, job_id, _kind_of(error))
                # procrastinate formats and stores the exception: pass one whose conversion to text cannot fail.
                raise JobFailed(type(error).__name__) from None
        self._count(spec.name, "done")

    def _count(self, kind: str, result: str) -> None:
        _ended.labels(kind, result).inc()
        self._attempts[kind, result == "done"] += 1

    async def _failed(
        self, spec: JobSpec, attempt: Attempt, arguments: Mapping[str, Any], error: BaseException
    ) -> None:
        kind = type(error).__name__
        reason = clean(f"{kind}: {safe_str(error)}" if isinstance(error, Problem) else kind)
        log_failure(log, "core.job_failed", error, job=spec.name, attempt=attempt.number, last=attempt.last)
        self._count(spec.name, "dead" if attempt.last else "retried")
        if attempt.last and spec.dead:
            await spec.dead(**arguments, reason=reason)

    async def run(self, *, wait: bool = True) -> None:
        """Run until cancelled, reconnecting after database errors; with wait=False until the queue is empty."""
        try:
            await self._keep_running(wait)
        finally:
            await self._store_attempts_or_log()

    async def _keep_running(self, wait: bool) -> None:
        while True:
            try:
                upkeep = (self._reap_periodically, self._measure_periodically)
                async with self.app.open_async(self.database.session_pool), background(*upkeep):
                    await self._run_once(wait)
            except (procrastinate.exceptions.ConnectorException, psycopg.Error, PoolTimeout) as error:
                log.warning("core.worker_lost_database", error=type(error).__name__)
                await asyncio.sleep(1)
            else:
                return

    async def _run_once(self, wait: bool) -> None:
        worker = QueueWorker(
            self.app,
            queues=sorted({spec.queue for spec in self.specs.values()}),
            concurrency=self.concurrency,
            wait=wait,
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
            fetch_job_polling_interval=1.0,
            # Without wait, the last job is waited for, however long it takes.
            shutdown_graceful_timeout=10 if wait else DAY_SECONDS,
            delete_jobs="successful",
        )
        running = asyncio.ensure_future(worker.run())  # type: ignore[no-untyped-call]
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            # Cancelling it can be lost: `asyncio.wait_for` of Python 3.11 ignores it at the moment its result arrives.
            worker.stop()  # type: ignore[no-untyped-call]
            # A database that is away must not turn the end into another attempt to reach it.
            with contextlib.suppress(procrastinate.exceptions.ConnectorException, psycopg.Error, PoolTimeout):
                await running
            raise

    async def _reap_periodically(self) -> None:
        while True:
            try:
                await self.reap()
            except Exception as error:
                log.warning("core.job_reaper_failed", error=type(error).__name__)
            await asyncio.sleep(REAP_SECONDS)

    async def _store_attempts_or_log(self) -> None:
        try:
            await self.store_attempts()
        except Exception as error:
            log.warning("core.attempts_not_stored", error=type(error).__name__)

    async def store_attempts(self) -> None:
        """Add the attempts since the last time to those of the day. A killed worker loses those of some seconds."""
        attempts, self._attempts = self._attempts, Counter()
        if not attempts:
            return
        try:
            async with self.database.transaction(None) as connection:
                await add_attempts(connection, attempts)
        except BaseException:
            self._attempts += attempts
            raise

    async def _measure_periodically(self) -> None:
        while True:
            await self._store_attempts_or_log()
            try:
                await self.measure()
            except Exception as error:
                log.warning("core.queue_not_measured", error=type(error).__name__)
            await asyncio.sleep(MEASURE_SECONDS)

    async def measure(self) -> None:
        """Set the metrics of the queue; kinds without jobs are zero."""
        async with self.database.read(None) as connection:
            depths = await depth_of_queue(connection)
        for kind in self.specs.keys() | depths.keys():
            depth = depths.get(kind, QueueDepth(0, 0, 0.0))
            _ready.labels(kind).set(depth.ready)
            _oldest.labels(kind).set(depth.oldest_seconds)
            _parked.labels(kind).set(depth.parked)

    async def reap(self, silent_seconds: float = STALLED_SECONDS) -> int:
        """Requeue the jobs of workers whose heartbeat stopped, or fail those that are at their last attempt:
        a job that kills every worker must not run for ever. Returns their number.
        """
        stalled = list(await self.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_seconds))
        for job in stalled:
            await self._revive(job)
        return len(stalled)

    async def _revive(self, job: Job) -> None:
        spec = self.specs.get(job.task_name)
        if spec is None:
            return
        if job.attempts + 1 < spec.attempts:
            await self.app.job_manager.retry_job(job)
            self._count(spec.name, "taken_over")
            return
        if spec.dead:
            await spec.dead(**job.task_kwargs, reason="The worker died in every attempt.")
        if job.id is not None:
            await park(self.database, job.id, "The worker died in every attempt.")
        await self.app.job_manager.finish_job(job, procrastinate.jobs.Status.FAILED, delete_job=False)
        self._count(spec.name, "dead")


def _kind_of(error: BaseException) -> str:
    """What is stored of an error: nothing that could quote a document or a person."""
    return f"{error.code}: {error.title}" if isinstance(error, Problem) else type(error).__name__


class _Backoff(procrastinate.BaseRetryStrategy):
    """Retries after 1, 2, 4, … seconds, up to the longest wait."""

    def __init__(self, spec: JobSpec) -> None:
        self.spec = spec

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> procrastinate.RetryDecision | None:
        if job.attempts + 1 >= self.spec.attempts:
            return None
        return procrastinate.RetryDecision(retry_in={"seconds": min(self.spec.longest_wait, 2**job.attempts)})
