import io
import logging
import shutil
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
import structlog

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.fields import LearnedRules
from app.adapters.chat.standin import StandIn
from app.core.embedded import Urls
from app.core.logging import configure_logging
from app.core.telemetry import configure_tracing, shutdown_tracing
from app.main import create_app
from app.retrieval.domain import PublishRequest
from app.settings import Settings
from app.wiring import State, build
from tests.clock import until
from tests.conftest import adopt
from tests.serving import served

PRICES = """
  stand-in: {input: 1, output: 2}
  stand-by: {input: 1, output: 2}
"""

TOWER = (
    "The lighthouse of Karlen stands on a cliff above the village. It was built in 1874 by the engineer Marta Holm. "
    "Its lamp can be seen from 32 kilometres away. The keeper's house became a museum in 1990."
)
BRIDGE = (
    "The bridge over the Sarn is a suspension bridge of steel. It was opened to traffic in 1931 after six years of "
    "work. Its main span measures 410 metres. Tolls were abolished in 1964."
)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """A service folder whose cost policy has prices for the stand-in models."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("policies", "prompts", "migrations"):
        shutil.copytree(settings.root / name, folder / name)
    cost = folder / "policies" / "cost.yaml"
    cost.write_text(cost.read_text() + PRICES)
    return folder


@dataclass
class Service:
    """A running service: its state, its address, a key of one tenant, and its model servers."""

    state: State
    url: str
    tenant: UUID
    key: str
    models: list[StandIn]

    @property
    def model(self) -> StandIn:
        return self.models[0]

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10_000)

    async def ask(self, question: str, key: str | None = None, **body: Any) -> httpx.Response:
        headers = body.pop("headers", {})
        async with self.client(key) as client:
            return await client.post("/v1/answers", json={"question": question, **body}, headers=headers)

    async def publish(self, text: str, tenant: UUID | None = None, **fields: Any) -> UUID:
        request = PublishRequest(uuid4(), tenant or self.tenant, 1, "A title", "tests", "tests/one.md", text)
        request = replace(request, **fields)
        prepared = await self.state.retrieval.prepare(request)
        async with self.state.database.transaction(request.tenant_id) as connection:
            await self.state.retrieval.publish(connection, prepared)
        return request.document_id

    async def asked(self, times: int = 1) -> None:
        """Wait until the model has been called this many times."""
        await until(lambda: len(self.model.calls) >= times)

    async def rows(self, sql: str, tenant: UUID | None = None) -> list[tuple[Any, ...]]:
        async with self.state.database.pipeline(tenant or self.tenant) as connection:
            cursor = await connection.execute(sql)
        return await cursor.fetchall()


def change_serving(state: State, **changes: Any) -> None:
    """Replace values of the live release in this process only."""
    held = state.answers.loaded_releases.by_id
    release_id = state.environments.current().id
    held[release_id] = replace(held[release_id], **changes)


def loaded(state: State) -> AbstractAsyncContextManager[str]:
    """A real server of the whole service on a free port, and its address."""
    return served(create_app(state), state.settings)


PORTS: defaultdict[str, list[int]] = defaultdict(list)
"""Those that model servers of this process have had, by the name of the model."""


async def start_model(stack: AsyncExitStack, name: str) -> StandIn:
    """A model server at the address of an earlier one where that is free: in the database of a file, the release with
    that address is live already, which saves a fifth of the time of a test.
    """
    for port in PORTS[name]:
        with suppress(OSError):
            return await stack.enter_async_context(StandIn(model=name, port=port))
    started = await stack.enter_async_context(StandIn(model=name))
    PORTS[name].append(started.port)
    return started


Open = Callable[..., Awaitable[Service]]


@dataclass
class SharedServices:
    """One service for all tests of a file, by the number of its models: to start one takes longer than most tests."""

    start: Open
    started: dict[int, Service] = field(default_factory=dict)

    async def fresh(self, models: int) -> Service:
        """The service as it was at its start, with a new tenant."""
        if models not in self.started:
            self.started[models] = await self.start(models=models)
            return self.started[models]
        before = self.started[models]
        for model in before.models:
            reset(model)
        await load_again(before.state)
        tenant, key = await new_tenant(before.state)
        return replace(before, tenant=tenant, key=key)


async def load_again(state: State) -> None:
    """The release of this service is live, with nothing that was changed, learned or broken in this process."""
    releases = state.answers.loaded_releases
    loader = releases.load.__self__  # type: ignore[attr-defined]
    loader.models.clear()
    loader.transport = None
    loader.learned = LearnedRules()
    releases.by_id.clear()
    await adopt(state)


async def publish_both(service: Service) -> None:
    await service.publish(TOWER, title="Lighthouse", uri="tower.md")
    await service.publish(BRIDGE, title="Bridge", uri="bridge.md")


def reset(model: StandIn) -> None:
    """Its next calls are as those of a new one."""
    new = StandIn(model=model.model)
    for each in fields(new):
        if each.init and each.name not in ("model", "port") and not each.name.startswith("_"):
            setattr(model, each.name, getattr(new, each.name))


@dataclass
class Opener:
    """Starts services, which stop with the stack."""

    stack: AsyncExitStack
    house: Path
    settings: Settings
    urls: Urls

    async def __call__(
        self, models: int = 1, idle_seconds: float = 100, options: Mapping[str, Any] | None = None, **answers: Any
    ) -> Service:
        """A service with any number of model servers and changed settings of `Answers`."""
        names = ("stand-in", "stand-by")[:models]
        running = [await start_model(self.stack, name) for name in names]
        common = {"idle_seconds": idle_seconds, "timeout_seconds": 600, **(options or {})}
        chain = tuple(ModelChoice(model=each.model, base_url=each.url, **common) for each in running)
        chosen = self.settings.model_copy(update={"root": self.house, "model_chain": chain})
        state = await self.stack.enter_async_context(build(chosen, self.urls))
        await adopt(state)
        change_serving(state, **answers)
        tenant, key = await new_tenant(state)
        url = await self.stack.enter_async_context(loaded(state))
        return Service(state, url, tenant, key, running)


async def new_tenant(state: State) -> tuple[UUID, str]:
    tenant = await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
    return tenant, (await state.identity.create_key(tenant, "test", ["user"])).text


@pytest_asyncio.fixture
async def open_service(house: Path, settings: Settings, database_urls: Urls) -> AsyncIterator[Open]:
    """Starts services, and stops them after the test."""
    async with AsyncExitStack() as stack:
        yield Opener(stack, house, settings, database_urls)


@pytest_asyncio.fixture(scope="module")
async def shared_services(house: Path, settings: Settings, database_urls: Urls) -> AsyncIterator[SharedServices]:
    async with AsyncExitStack() as stack:
        yield SharedServices(Opener(stack, house, settings, database_urls))


@pytest_asyncio.fixture
async def service(shared_services: SharedServices) -> Service:
    """A service with one model and two documents of a new tenant."""
    started = await shared_services.fresh(models=1)
    await publish_both(started)
    return started


@pytest_asyncio.fixture
async def quoting(shared_services: SharedServices) -> Service:
    """As `service`, without a model: it quotes the evidence."""
    started = await shared_services.fresh(models=0)
    await publish_both(started)
    return started


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Traces, and logs as JSON; both as in production."""
    root, printed, logged = logging.getLogger(), io.StringIO(), io.StringIO()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setattr(sys, "stderr", logged)
    configure_tracing("console", 1.0, "test", "0", None)
    configure_logging("INFO", "json")
    yield printed, logged
    shutdown_tracing()
    structlog.configure(**before)
    root.handlers, root.level = handlers, level
