"""Work in the background of a process: jobs that are started again when they fail, and sweeps that recur."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn

import structlog

from app.core.errors import Problem
from app.core.logging import log_failure

log = structlog.get_logger(__name__)

BackgroundJob = Callable[[], Awaitable[None]]
RESTART_SECONDS = 5.0


@asynccontextmanager
async def background(*jobs: BackgroundJob, restart_seconds: float = RESTART_SECONDS) -> AsyncIterator[None]:
    """Run jobs in the background of the block and cancel them at its end. A job that fails is logged as an error and
    started again after `restart_seconds`; one that returns has ended.
    """
    tasks = [asyncio.ensure_future(_keep_running(job, restart_seconds)) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _keep_running(job: BackgroundJob, restart_seconds: float) -> None:
    while True:
        try:
            return await job()
        except Exception as error:
            what = job.func if isinstance(job, partial) else job
            log_failure(log, "core.background_job_failed", error, job=getattr(what, "__qualname__", repr(what)))
        await asyncio.sleep(restart_seconds)


async def run_periodically(sweep: Callable[[], Awaitable[object]], seconds: float, logger: Any, event: str) -> NoReturn:
    """Call `sweep` until cancelled, with a pause of so many seconds after each call. A problem is logged as a warning
    with its code under `event`, and the next call comes as usual; any other exception ends it.
    """
    while True:
        try:
            await sweep()
        except Problem as problem:
            logger.warning(event, code=problem.code)
        await asyncio.sleep(seconds)
