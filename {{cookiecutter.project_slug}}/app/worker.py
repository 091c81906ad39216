"""The jobs door."""

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
    """Runs jobs until SIGTERM or SIGINT; a job in hand is given ten seconds to end, then others take it over.

    Meanwhile its metrics are shown on a port of their own: nothing else of a worker can be asked over HTTP.
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
    log.info("worker_started", jobs=sorted(worker.specs), concurrency=worker.concurrency, metrics_port=metrics_port)
    async with background(*state.background(), state.canaries.watch(), state.reviews.lifecycle.watch()):
        with contextlib.suppress(asyncio.CancelledError):
            await running
    log.info("worker_stopped")
