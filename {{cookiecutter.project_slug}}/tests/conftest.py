"""One embedded server for the whole run, one fresh database in it, one new tenant for each test."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
import structlog

from app.core.database import Database
from app.core.embedded import Urls, start_embedded
from app.core.schema import migrate
from app.identity.domain import Principal
from app.main import create_app
from app.settings import Settings
from app.wiring import State, build

ROOT = Path(__file__).parent.parent


def pytest_configure() -> None:
    for name in [name for name in os.environ if name.upper().startswith("APP_") and name != "APP_DATA_DIR"]:
        del os.environ[name]
    os.environ.pop("DATABASE_URL", None)
    # The library's own default draws every local variable of a traceback: fifteen seconds for a whole state.
    structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback


@pytest.fixture(scope="session")
def database_urls() -> Iterator[Urls]:
    server = start_embedded(Path(os.environ.get("APP_DATA_DIR", ROOT / ".data")))
    name = f"test_{uuid4().hex[:12]}"
    urls = server.urls(name)
    migrate(urls.owner, urls.service, ROOT)
    yield urls
    server.drop(name)
    server.stop()


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(root=ROOT, data_dir=tmp_path_factory.mktemp("data"), embedder="none", _env_file=None)


@pytest_asyncio.fixture(scope="session")
async def state(database_urls: Urls, settings: Settings) -> AsyncIterator[State]:
    async with build(settings, database_urls) as built:
        yield built


async def adopt(state: State) -> None:
    """Lets the release of this state's own files go live, whatever other tests left there."""
    release = await state.releases.create("tests")
    await state.environments.activate("tests", release.id, "a test needs it", break_glass=True)


@pytest.fixture
def database(state: State) -> Database:
    return state.database


@pytest_asyncio.fixture
async def tenant(state: State) -> UUID:
    return await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")


@pytest_asyncio.fixture
async def key(state: State, tenant: UUID) -> str:
    return (await state.identity.create_key(tenant, "test", ["admin", "service"])).text


@pytest_asyncio.fixture
async def principal(state: State, key: str) -> Principal:
    return await state.identity.authenticate(key)


@pytest_asyncio.fixture
async def client(state: State, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the whole application in this process, with a key of `tenant` that may do everything."""
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://service", headers={"Authorization": f"Bearer {key}"}
    ) as open_client:
        yield open_client
