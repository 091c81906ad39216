import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated

import structlog
import typer

from app.core.cancellation import raise_if_cancelled
from app.core.database import background
from app.core.errors import DatabaseUnavailable, Problem
from app.core.listening import claimed, refusals
from app.core.memory import bound_freed_memory
from app.core.schema import verify
from app.core.server import make_server
from app.main import create_app
from app.settings import Settings, load_settings
from app.wiring import State, build, database_urls, observe
from app.worker import work

log = structlog.get_logger(__name__)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Run the API until Ctrl-C."""
    overrides = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(**overrides)
    with claimed(settings.host, settings.port, "APP_PORT") as sockets:
        _run(settings, partial(_serve, sockets=sockets))


def run_worker() -> None:
    """Run the jobs of the queue until Ctrl-C; serve their metrics on a port of their own."""
    _run(load_settings(), work)


def _run(settings: Settings, run: Callable[[State], Awaitable[None]]) -> None:
    bound_freed_memory()
    observe(settings)
    urls, server = database_urls(settings)

    async def main() -> None:
        _cancel_at_sigterm()
        try:
            await verify(urls.service, settings.root)
        except DatabaseUnavailable:
            log.warning("cli.database_unavailable_at_start", what="retrying; /health/ready reports it")
        watchdog = [server.keep_running()] if server else []
        async with build(settings, urls) as state, background(*watchdog):
            with suppress(DatabaseUnavailable):
                await state.privacy.refuse_restored()
                await state.retrieval.ready()
            await state.retrieval.warm()
            with contextlib.suppress(Problem):  # readiness says what is missing, until it is there
                if parts := await state.environments.unreleased_changes():
                    log.warning("releases.local_files_differ", parts=parts, what="'app release create' makes a draft")
            raise_if_cancelled()
            await run(state)

    try:
        with suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main())
    finally:
        if server:
            server.stop()


def _cancel_at_sigterm() -> None:
    """Cancels the current task at SIGTERM. An exception of the handler might be raised in a callback, and be lost."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()

    def cancel(*_: object) -> None:
        if task is not None:
            task.cancel()
            loop.call_soon_threadsafe(lambda: None)  # wakes the loop

    signal.signal(signal.SIGTERM, cancel)


async def _serve(state: State, sockets: list[socket.socket]) -> None:
    settings = state.settings
    server = make_server(create_app(state), settings.host, settings.port, settings.server_limits())
    _freeze_loaded_objects()
    with refusals(settings.host, settings.port, "APP_PORT"):
        await server.serve(sockets)
        # The server library sends the signal to itself again after its shutdown; it ends this step, not our clean-up.
        await asyncio.sleep(0)


def _freeze_loaded_objects() -> None:
    """Excludes everything loaded so far from garbage collection, because scanning it again would stall requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
