from collections.abc import AsyncIterator

import pytest_asyncio

from app.adapters.chat.standin import StandIn


@pytest_asyncio.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn() as running:
        yield running
