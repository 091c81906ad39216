"""The commands that run a process. One that runs retrieval alone does not import the other rooms, which take a
quarter of its memory.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from fastapi import FastAPI

from app.core.background import background
from app.core.cancellation import raise_if_cancelled
from app.core.embedded import Urls
from app.core.errors import DatabaseUnavailable, Problem
from app.core.event_loop import loop_factory
from app.core.listening import claimed, refusals, repeated
from app.core.memory import bound_freed_memory
from app.core.schema import verify
from app.core.server import make_server
from app.core.stop_signals import STOP_SIGNALS
from app.settings import Settings, load_settings
from app.setup.process import database_urls, observe
from app.setup.rooms import SERVING, WORKING, serving, working

if TYPE_CHECKING:
    from app.retrieval.service.retrieval import Retrieval
    from app.wiring import State

log = structlog.get_logger(__name__)

RETRIEVAL = "retrieval"

OnlyServed = Annotated[
    str | None,
    typer.Option("--only", metavar="ROOM", help=f"Serve this room alone: {', '.join(SERVING)}."),
]
OnlyWorked = Annotated[
    str | None,
    typer.Option("--only", metavar="ROOM", help=f"Take the jobs of this room alone: {', '.join(WORKING)}."),
]


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    only: OnlyServed = None,
) -> None:
    """Run the API, or one room of it alone, until Ctrl-C."""
    serving(only)
    overrides = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(**overrides)
    with claimed(settings.host, settings.port, "APP_PORT") as sockets:
        serve_room = _serve_retrieval if only == RETRIEVAL else partial(_serve_state, only=only)
        _run(settings, partial(serve_room, sockets=sockets))


def run_worker(only: OnlyWorked = None) -> None:
    """Run the jobs of the queue, or of one room alone, until Ctrl-C; serve their metrics on a port of their own."""
    working(only)
    _run(load_settings(), partial(_work, only=only))


def _run(settings: Settings, run: Callable[[Settings, Urls], Awaitable[None]]) -> None:
    bound_freed_memory()
    observe(settings)
    urls, server = database_urls(settings)

    async def main() -> None:
        _cancel_at_stop()
        try:
            await verify(urls.service, settings.root, urls.session)
        except DatabaseUnavailable:
            log.warning("cli.database_unavailable_at_start", what="retrying; /health/ready reports it")
        async with background(*[server.keep_running] if server else []):
            await run(settings, urls)

    try:
        with suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=loop_factory(fast=True)) as runner:
            runner.run(main())
    finally:
        if server:
            server.stop()


def _cancel_at_stop() -> None:
    """Cancels the current task at SIGTERM. An exception of the handler might be raised in a callback, and be lost."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()

    def cancel(*_: object) -> None:
        if task is not None:
            task.cancel()
            loop.call_soon_threadsafe(lambda: None)  # wakes the loop

    for name in STOP_SIGNALS:
        signal.signal(name, cancel)


async def _serve_retrieval(settings: Settings, urls: Urls, *, sockets: list[socket.socket]) -> None:
    from app.room import create_room_app
    from app.setup.retrieval_room import open_retrieval_room

    async with open_retrieval_room(settings, urls) as room:
        await _prepare_search(room.retrieval, embeds=True)
        raise_if_cancelled()
        await _listen(create_room_app(room), settings, sockets)


async def _serve_state(settings: Settings, urls: Urls, *, only: str | None, sockets: list[socket.socket]) -> None:
    from app.main import create_app

    embeds = serving(only).searches and settings.retrieval_url is None
    async with _prepared(settings, urls, searches=serving(only).searches, embeds=embeds) as state:
        await _listen(create_app(state, only), settings, sockets)


async def _work(settings: Settings, urls: Urls, *, only: str | None) -> None:
    from app.worker import work

    embeds = working(only).embeds
    async with _prepared(settings, urls, searches=embeds, embeds=embeds) as state:
        await work(state, only)


@asynccontextmanager
async def _prepared(settings: Settings, urls: Urls, searches: bool, embeds: bool) -> "AsyncIterator[State]":
    """The services of all rooms, checked. embeds: whether this process calculates vectors, so that it loads weights."""
    from app.wiring import build

    async with build(settings, urls) as state:
        with suppress(DatabaseUnavailable):
            await state.privacy.refuse_restored()
        if searches:
            await _prepare_search(state.retrieval, embeds)
        with suppress(Problem):  # readiness says what is missing, until it is there
            if parts := await state.environments.unreleased_changes():
                log.warning("releases.local_files_differ", parts=parts, what="'app release create' makes a draft")
        raise_if_cancelled()
        yield state


async def _prepare_search(retrieval: "Retrieval", embeds: bool) -> None:
    with suppress(DatabaseUnavailable):
        await retrieval.ready()
    if embeds:
        await retrieval.warm()


async def _listen(app: FastAPI, settings: Settings, sockets: list[socket.socket]) -> None:
    server = make_server(app, settings.host, settings.port, settings.server_limits(), app.state.admission)
    _freeze_loaded_objects()
    with refusals(settings.host, settings.port, "APP_PORT"), repeated(sockets) as listening:
        await server.serve(listening)
        # The server library sends the signal to itself again after its shutdown; it ends this step, not our clean-up.
        await asyncio.sleep(0)


def _freeze_loaded_objects() -> None:
    """Excludes everything loaded so far from garbage collection, because scanning it again would stall requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
