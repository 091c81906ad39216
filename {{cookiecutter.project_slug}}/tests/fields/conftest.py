"""Services that are built from changed policy files and a changed environment, and from nothing else."""

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
import yaml

from app.adapters.chat.standin import StandIn
from app.core.clock import Clock
from app.core.embedded import Urls
from app.core.policies import parse_yaml
from app.main import create_app
from app.settings import Settings, load_settings
from app.wiring import State, build
from tests.conftest import ROOT, TESTED, FreshDatabase, adopt

if TYPE_CHECKING:
    from tests.fields.values import Bench

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
Changes = Mapping[str, Mapping[str, Any]]
"""By policy: the keys that are other than in the shipped file."""


def merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, Mapping):
        return above
    return {**below, **{name: merged(below.get(name), value) for name, value in above.items()}}


def changed_root(folder: Path, policies: Changes) -> Path:
    """A service folder with these changes of policies; everything else is the shipped one."""
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.is_dir() and path.name != "policies" and not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    (folder / "policies").mkdir()
    for path in (TESTED / "policies").glob("*.yaml"):
        (folder / "policies" / path.name).symlink_to(path)
    for name, values in policies.items():
        path = folder / "policies" / f"{name}.yaml"
        content = parse_yaml(path.read_bytes(), path)
        path.unlink()
        path.write_text(yaml.dump(merged(content, values), Dumper=DUMPER), encoding="utf-8")
    return folder


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


Changed = Callable[..., AbstractAsyncContextManager[State]]


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, settings: Settings, database_urls: Urls) -> Changed:
    """Builds a service from changed policies (keywords) and variables of the environment, with a release that is live.

    Services of one module have one database: build one after the other.
    """
    folder = tmp_path_factory.mktemp("changed")

    @asynccontextmanager
    async def make(
        variables: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        live: bool = True,
        urls: Urls | None = None,
        **policies: Any,
    ) -> AsyncIterator[State]:
        root = changed_root(folder / uuid4().hex, policies)
        common = {"APP_ROOT": str(root), "APP_DATA_DIR": str(settings.data_dir), "APP_EMBEDDER": "none"}
        with environment({**common, **(variables or {})}):
            loaded = load_settings(_env_file=None)
        async with build(loaded, urls or database_urls, clock) as state:
            if live:
                await adopt(state)
            yield state

    return make


Caller = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@asynccontextmanager
async def called(
    state: State, *roles: str, tenant: UUID | None = None, groups: tuple[str, ...] = ()
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application with a new key; of a new tenant unless one is named."""
    async with AsyncExitStack() as stack:
        tenant = tenant or await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
        key = await state.identity.create_key(tenant, uuid4().hex, list(roles or ("admin", "service")), groups)
        transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {key.text}"}
        client = httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)
        yield await stack.enter_async_context(client)


@pytest_asyncio.fixture(scope="module")
async def bench(changed: Changed, fresh_database: FreshDatabase) -> AsyncIterator["Bench"]:
    from tests.fields.values import Bench

    with fresh_database() as urls:
        async with StandIn(model="stand-in") as first, StandIn(model="stand-by") as second:
            made = Bench(changed, (first, second))
            async with made.running({}, urls=urls) as made.plain:
                made.tenant = None
                yield made
