"""A service with its own folder, so that suites may be changed, and a tenant full of strings about one person."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from app.core.embedded import Urls
from app.main import create_app
from app.privacy.service import Privacy
from app.settings import Settings
from app.wiring import State, build
from tests.conftest import TESTED
from tests.privacy.planted import Garden

Plant = Callable[..., Awaitable[Garden]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("service")
    for part in ("policies", "prompts", "migrations", "evals", "docs"):
        shutil.copytree(TESTED / part, made / part)
    return made


@pytest_asyncio.fixture(scope="module")
async def state(database_urls: Urls, folder: Path) -> AsyncIterator[State]:
    settings = Settings(root=folder, data_dir=folder / "data", embedder="none", _env_file=None)
    async with build(settings, database_urls) as built:
        yield built


@pytest.fixture
def privacy(state: State) -> Privacy:
    return state.privacy


@pytest_asyncio.fixture
async def plant(
    state: State, tenant: UUID, client: httpx.AsyncClient, database_urls: Urls, folder: Path
) -> AsyncIterator[Plant]:
    async def make(documents: int = 0, answers: int = 0, others: int = 0) -> Garden:
        garden = Garden(state, client, tenant, database_urls.owner, folder / "evals")
        await garden.plant(documents, answers, others)
        return garden

    before = (folder / "evals" / "golden.jsonl").read_bytes()
    yield make
    (folder / "evals" / "golden.jsonl").write_bytes(before)


@pytest_asyncio.fixture
async def stranger(state: State) -> AsyncIterator[tuple[UUID, httpx.AsyncClient]]:
    """Another tenant, with a client of its own."""
    tenant = await state.identity.ensure_tenant(f"stranger-{uuid4().hex}")
    key = (await state.identity.create_key(tenant, "stranger", ["admin"])).text
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as opened:
        yield tenant, opened
