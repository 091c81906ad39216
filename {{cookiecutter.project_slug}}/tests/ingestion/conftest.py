from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.core.jobs import Worker
from app.main import create_app
from app.wiring import State

Files = Sequence[tuple[str, bytes]]
Send = Callable[..., Awaitable[list[dict[str, Any]]]]
OpenKey = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture
async def open_key(state: State, tenant: UUID) -> AsyncIterator[OpenKey]:
    """Opens a client with a new key of these groups."""
    async with AsyncExitStack() as stack:

        async def make(*groups: str, role: str = "operator") -> httpx.AsyncClient:
            key = await state.identity.create_key(tenant, f"{role} of {groups}", [role], groups)
            transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
            headers = {"Authorization": f"Bearer {key.text}"}
            return await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)
            )

        yield make


@pytest.fixture
def send(client: httpx.AsyncClient) -> Send:
    """Uploads files and returns the result of each."""

    async def upload(*files: tuple[str, bytes], **form: Any) -> list[dict[str, Any]]:
        parts = [("files", (name, data, "application/octet-stream")) for name, data in files]
        reply = await client.post("/v1/documents", files=parts, data=form)
        assert reply.status_code == 202, reply.text
        items: list[dict[str, Any]] = reply.json()["items"]
        return items

    return upload


@pytest.fixture
def work(state: State) -> Callable[[], Awaitable[None]]:
    """Runs all jobs, also those that wait for another one of the same document."""

    async def pending() -> int:
        async with state.database.transaction(None) as connection:
            result = await connection.execute(text("select count(*) from procrastinate_jobs where status = 'todo'"))
            return int(result.scalar_one())

    async def run() -> None:
        while await pending():
            await Worker(state.database, state.jobs, concurrency=2).run(wait=False)

    return run


@pytest.fixture
def ingest(send: Send, work: Callable[[], Awaitable[None]], client: httpx.AsyncClient) -> Send:
    """Uploads and processes files; returns each document over HTTP, or the result of a refused file."""

    async def run(*files: tuple[str, bytes], **form: Any) -> list[dict[str, Any]]:
        items = await send(*files, **form)
        await work()
        return [(await client.get(f"/v1/documents/{item['id']}")).json() if item["id"] else item for item in items]

    return run


@pytest.fixture
def search(client: httpx.AsyncClient) -> Callable[[str], Awaitable[list[str]]]:
    """Searches; returns the texts of the passages."""

    async def find(query: str) -> list[str]:
        reply = await client.post("/v1/search", json={"query": query})
        assert reply.status_code == 200, reply.text
        body = reply.json()
        return [passage["text"] for passage in body.get("passages", body.get("items", body.get("results", [])))]

    return find
