import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated

import structlog
import typer

from app.core.database import background
from app.core.errors import DatabaseUnavailable, Problem
from app.core.listening import claimed, refusals
from app.core.schema import verify
from app.core.server import make_server
from app.main import admission_of, create_app
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
    observe(settings)
    urls, server = database_urls(settings)

    async def main() -> None:
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
            await run(state)

    # The server library sends the signal to itself again once it has shut down; that must not skip our own clean-up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main())
    finally:
        if server:
            server.stop()


async def _serve(state: State, sockets: list[socket.socket]) -> None:
    settings = state.settings
    app = create_app(state)
    server = make_server(app, settings.host, settings.port, settings.server_limits(), admission_of(app))
    _freeze_loaded_objects()
    with refusals(settings.host, settings.port, "APP_PORT"):
        await server.serve(sockets)


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
