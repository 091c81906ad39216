"""The entry point of the worker."""

import asyncio
import contextlib
import signal

import structlog

from app.core.background import background
from app.core.jobs import JobSpec, Worker
from app.core.stop_signals import STOP_SIGNALS
from app.core.telemetry import metrics_served
from app.settings import METRICS_SETTING
from app.wiring import State

log = structlog.get_logger(__name__)


async def work(state: State, only: str | None = None) -> None:
    """Run jobs until SIGTERM or SIGINT; running jobs have ten seconds to end, then other workers take them over.

    only: the room whose jobs it takes, and no others. Metrics are served on a separate port, which is the only HTTP
    interface of a worker.
    """
    with metrics_served(state.settings.host, state.settings.metrics_port, METRICS_SETTING) as port:
        await _work(state, only, port)


async def _work(state: State, only: str | None, metrics_port: int) -> None:
    worker = Worker(state.database, jobs_of(state, only), state.settings.worker_concurrency)
    # Without jobs of its own: to the queue, no queues are all queues.
    running = asyncio.ensure_future(worker.run() if worker.specs else asyncio.Event().wait())
    loop = asyncio.get_running_loop()
    for name in (*STOP_SIGNALS, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(name, running.cancel)
    log.info("worker.started", jobs=sorted(worker.specs), concurrency=worker.concurrency, metrics_port=metrics_port)
    sweeps = [each for room, watches in state.sweeps_by_room.items() if only in (None, room) for each in watches]
    async with background(*state.background(), *sweeps):
        with contextlib.suppress(asyncio.CancelledError):
            await running
    log.info("worker.stopped")


def jobs_of(state: State, only: str | None) -> list[JobSpec]:
    """The jobs of a room, of all rooms for None."""
    return state.jobs if only is None else state.jobs_by_room.get(only, [])
