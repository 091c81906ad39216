from collections.abc import AsyncIterator

import pytest_asyncio

from app.adapters.chat.standin import StandIn
from tests.adapters.chat.quirks.provider import Provider


@pytest_asyncio.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn() as running:
        yield running


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as running:
        yield running
