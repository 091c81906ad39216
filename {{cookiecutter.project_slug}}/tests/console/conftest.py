"""The whole service on a port, with every answer held for a person, and a browser in front of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text as sql

from app.core.jobs import Worker
from app.main import create_app
from app.retrieval.domain import PublishRequest
from app.settings import Settings
from app.wiring import State, build
from tests.conftest import adopt
from tests.console.browser import Browser, browser
from tests.review.test_routes import written
from tests.serving import served

PAGE = "The harbour master of Zadar opens the gate at seven every morning of the working week."
QUESTION = "When does the harbour master of Zadar open the gate?"
RULES = "\n  - {name: harbour, send: before, due_minutes: 60, when: {words: [harbour]}}\n"


@dataclass
class House:
    """A running service and one tenant of it."""

    state: State
    base: str
    tenant: UUID

    async def key(self, name: str, role: str = "reviewer") -> str:
        return (await self.state.identity.create_key(self.tenant, name, [role])).text

    async def client(self, name: str, role: str) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {await self.key(name, role)}"}
        return httpx.AsyncClient(base_url=self.base, headers=headers, timeout=10_000)

    async def publish(self, text: str, title: str = "Harbour rules", uri: str = "harbour.md") -> None:
        prepared = await self.state.retrieval.prepare(
            PublishRequest(uuid4(), self.tenant, 1, title, "tests", uri, text)
        )
        async with self.state.database.transaction(self.tenant) as connection:
            await self.state.retrieval.publish(connection, prepared)

    async def end_lease(self) -> None:
        """Let the lease of every claimed item expire."""
        async with self.state.database.transaction(self.tenant) as connection:
            await connection.execute(sql("update review_items set lease_until = now() - interval '1 second'"))

    async def ask(self, asker: httpx.AsyncClient, question: str = QUESTION) -> str:
        """Ask, and return the id of the held answer once it is in the queue."""
        reply = await asker.post("/v1/answers", json={"question": question})
        assert reply.status_code == 202, reply.text
        await Worker(self.state.database, self.state.jobs, concurrency=1).run(wait=False)
        return str(reply.json()["id"])


@pytest.fixture
def lease_seconds() -> int:
    return 300


@pytest_asyncio.fixture
async def house(
    settings: Settings, state: State, database_urls: Any, tmp_path: Path, lease_seconds: int
) -> AsyncIterator[House]:
    root = written(tmp_path / "root", settings, RULES)
    policy = root.root / "policies" / "review.yaml"
    plain = policy.read_text().replace("overlap: 0.1", "overlap: 0")
    policy.write_text(plain.replace("lease_seconds: 300", f"lease_seconds: {lease_seconds}"))
    async with build(root, database_urls) as running:
        await adopt(running)
        tenant = await running.identity.ensure_tenant(f"house-{uuid4().hex}")
        async with served(create_app(running), running.settings) as address:
            yield House(running, address, tenant)
    await adopt(state)


@pytest_asyncio.fixture(scope="module")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """One for each file: starting it costs as much as a test, and each tab has a storage of its own."""
    async with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started
