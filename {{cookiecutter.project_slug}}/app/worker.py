"""The entry point of the worker."""

import asyncio
import contextlib
import signal

import structlog

from app.core.database import background
from app.core.jobs import Worker
from app.core.telemetry import metrics_served
from app.settings import METRICS_SETTING
from app.wiring import State

log = structlog.get_logger(__name__)


async def work(state: State) -> None:
    """Run jobs until SIGTERM or SIGINT; running jobs have ten seconds to end, then other workers take them over.

    Metrics are served on a separate port, which is the only HTTP interface of a worker.
    """
    with metrics_served(state.settings.host, state.settings.metrics_port, METRICS_SETTING) as port:
        await _work(state, port)


async def _work(state: State, metrics_port: int) -> None:
    worker = Worker(state.database, state.jobs, state.settings.worker_concurrency)
    running = asyncio.ensure_future(worker.run())
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(name, running.cancel)
    log.info("worker.started", jobs=sorted(worker.specs), concurrency=worker.concurrency, metrics_port=metrics_port)
    sweeps = (state.canaries.watch, state.reviews.lifecycle.watch, state.privacy.upkeep.watch)
    async with background(*state.background(), *sweeps):
        with contextlib.suppress(asyncio.CancelledError):
            await running
    log.info("worker.stopped")
