"""A real server around an application in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import uvicorn
from aiohttp import web
from fastapi import FastAPI

from app.core.server import make_server
from app.settings import Settings


@asynccontextmanager
async def running(server: uvicorn.Server) -> AsyncIterator[int]:
    """The port of a server that accepts connections until the end of the block."""
    # Servers of a run do not end in the order in which they began: each would leave the signal handlers of another one
    # behind, by which streams of the next ones are ended.
    server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
    task = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110, uvicorn has no event for it
        await asyncio.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def served(app: FastAPI, settings: Settings, port: int = 0) -> AsyncIterator[str]:
    """The address of a server of the application. port: 0 for any free one."""
    server = make_server(app, "127.0.0.1", port, settings.server_limits(), app.state.admission)
    async with running(server) as used:
        yield f"http://127.0.0.1:{used}"


@asynccontextmanager
async def web_server(app: web.Application, port: int = 0, **options: bool) -> AsyncIterator[str]:
    """The address of a stand-in for another service. options: of its runner."""
    runner = web.AppRunner(app, **options)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
