"""What commands share: settings, a built state, output."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.console import Console

from app.core.schema import verify
from app.settings import Settings, load_settings
from app.wiring import State, build, database_urls, observe

T = TypeVar("T")

out = Console()
err = Console(stderr=True)

DEFAULT_TENANT = "default"


def settings_for_command() -> Settings:
    """Settings with logs quiet enough for a person at a terminal, unless the environment says otherwise."""
    quiet = {} if "APP_LOG_LEVEL" in os.environ else {"log_level": "WARNING"}
    styled = {} if "APP_LOG_FORMAT" in os.environ else {"log_format": "console"}
    return load_settings(**quiet, **styled)


def with_state(work: Callable[[State], Awaitable[T]]) -> T:
    """Runs `work` on a built state over a verified database and returns its result. Errors: StartRefused, Problem."""
    settings = settings_for_command()
    observe(settings)
    urls, server = database_urls(settings)

    async def run() -> T:
        await verify(urls.service, settings.root)
        async with build(settings, urls) as state:
            return await work(state)

    try:
        return asyncio.run(run())
    finally:
        if server:
            server.stop()
