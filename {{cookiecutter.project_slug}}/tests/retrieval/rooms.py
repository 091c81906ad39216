"""The retrieval room as the other rooms reach it: the same search in this process, and over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from app.adapters.rooms.retrieval import RemoteSearch, make_remote_search
from app.core.clock import SystemClock
from app.core.embedded import Urls
from app.retrieval.service.retrieval import Retrieval
from app.room import create_room_app
from app.settings import Settings
from app.setup.retrieval_room import RetrievalRoom, open_retrieval_room
from tests.conftest import override
from tests.serving import served


@asynccontextmanager
async def room_served(
    settings: Settings, urls: Urls, retrieval: Retrieval | None = None
) -> AsyncIterator[tuple[RetrievalRoom, str]]:
    """A retrieval room with connections of its own, and its address. retrieval: in place of the one it would make."""
    async with open_retrieval_room(settings, urls) as room:
        used = replace(room, retrieval=retrieval) if retrieval else room
        async with served(create_room_app(used), settings) as address:
            yield used, address


@asynccontextmanager
async def remote(settings: Settings, address: str, **changes: object) -> AsyncIterator[RemoteSearch]:
    """The search at an address, as another room gets it. changes: fields of its client, such as `key`."""
    search = make_remote_search(address, settings.room_secret(), SystemClock())
    override(search.client, **changes)
    try:
        yield search
    finally:
        await search.close()
