"""An embedded server for each process of the run, a fresh database in it for each file, a new tenant for each test."""

import functools
import gc
import importlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
import pytest
import pytest_asyncio
import structlog
from httpx._transports import default
from hypothesis import HealthCheck
from hypothesis import settings as property_settings
from psycopg import sql
from starlette.routing import BaseRoute, Mount

from app import main
from app.adapters.parsers import pool
from app.core.database import Database
from app.core.embedded import EmbeddedPostgres, Urls, start_embedded
from app.core.schema import migrate
from app.core.slo import SloPolicy
from app.identity.domain import Principal
from app.settings import Settings
from app.wiring import State, build, infrastructure
from tests import clock, cpu_report
from tests.databases import Databases
from tests.forks import Forks
from tests.order import SEED, RandomOrder, seed
from tests.quick import quick_part
from tests.response_models import FAILURES, check_every_response
from tests.tested_root import tested_root

ROOT = Path(__file__).parent.parent
TESTED = tested_root(ROOT)
"""What services read; ROOT is what tests about files read."""


# Both are about the speed of the machine.
property_settings.register_profile("service", deadline=None, suppress_health_check=[HealthCheck.too_slow])
property_settings.register_profile("quick", property_settings.get_profile("service"), max_examples=10)
property_settings.load_profile("service")
LONG = 60
TIMEOUTS = {
    "app.core.database": ("CONNECT_SECONDS", "POOL_SECONDS"),
    "app.core.schema": ("CONNECT_SECONDS",),
    "app.core.health": ("CHECK_SECONDS",),
    "app.inference.service.delivery": ("RECORD_SECONDS",),
    "app.adapters.outbound": ("CONNECT_SECONDS",),
    "app.adapters.webhooks": ("CONNECT_SECONDS",),
}
"""Time limits of the service that tests raise, so that a slow machine never reaches them."""
DEADLINE_SECONDS = SloPolicy.deadline_seconds
"""As the service computes it, for tests that are about the deadline of the file."""


def extend_timeouts() -> None:
    clock.install()
    for module, names in TIMEOUTS.items():
        for name in names:
            assert hasattr(importlib.import_module(module), name)
            setattr(importlib.import_module(module), name, LONG)
    # However fast this service's answers must be: a test that is about the deadline sets one.
    SloPolicy.deadline_seconds = property(lambda _: 10.0 * LONG)  # type: ignore[method-assign, assignment]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cpu-report", action="store_true", help="processor time of each file, with its processes")
    parser.addoption("--order", type=seed, metavar="SEED", help="a random order of the tests; `random` draws its seed")
    parser.addoption("--quick", action="store_true", help="only what `make test-quick` runs")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("quick"):
        property_settings.load_profile("quick")
    if config.getoption("cpu_report"):
        config.pluginmanager.register(cpu_report.CpuReport())
    config.option.order = getattr(config, "workerinput", {}).get(SEED, config.option.order)
    if config.option.order is not None:
        config.pluginmanager.register(RandomOrder(config.option.order))
    gc.disable()  # until everything is imported: nothing of it becomes garbage
    extend_timeouts()
    cache_constant_setup()
    pool.sys = ForkingPython()  # type: ignore[attr-defined]
    check_every_response()
    for name in [name for name in os.environ if name.upper().startswith("APP_") and name != "APP_DATA_DIR"]:
        del os.environ[name]
    for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
        del os.environ[name]
    os.environ.pop("DATABASE_URL", None)
    os.environ["COLUMNS"] = "200"  # output does not depend on the terminal
    allow_bytecode()
    # The library's own default draws every local variable of a traceback: fifteen seconds for a whole state.
    structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback


def cache_constant_setup() -> None:
    """Caches what is expensive to create and the same for every client and service."""
    for module in (default, httpx):
        module.create_ssl_context = functools.cache(module.create_ssl_context)  # type: ignore[attr-defined]
    infrastructure.read_code = functools.cache(infrastructure.read_code)  # type: ignore[attr-defined]
    cache_descriptions()


def cache_descriptions() -> None:
    """Applications with the same routes get copies of one OpenAPI document: making it takes half a second."""
    name = "get_openapi"
    make = getattr(main, name)
    made: dict[tuple[int | str, ...], tuple[list[BaseRoute], str]] = {}

    def get_openapi(*, routes: Sequence[BaseRoute], **named: Any) -> Any:
        described = [each for each in routes if getattr(each, "include_in_schema", not isinstance(each, Mount))]
        key = (*map(id, described), repr(named))
        if key not in made:
            made[key] = described, json.dumps(make(routes=routes, **named))
        return json.loads(made[key][1])

    setattr(main, name, get_openapi)


class ForkingPython:
    """Stands for `sys` where a service starts processes for files, which takes longer than most tests."""

    @property
    def executable(self) -> str:
        return str(shared_forks().python)


@functools.cache
def shared_forks() -> Forks:
    """The server of forks, started when the first one is needed."""
    server = Forks(Path(tempfile.mkdtemp(prefix="forks-")))
    cpu_report.SERVERS.append(psutil.Process(server.process.pid))
    return server


def pytest_unconfigure() -> None:
    if shared_forks.cache_info().currsize:
        shared_forks().close()
        shutil.rmtree(shared_forks().address.parent)


def allow_bytecode() -> None:
    """Some machines forbid it, and hundreds of processes start here: half of what a start costs is the compiler."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Half as many again as there are cores, because one waits while another computes; quick tests hardly wait."""
    cores = os.cpu_count() or 1
    return cores if config.getoption("quick") else cores * 3 // 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """With `--dist loadfile`, a file stays in one process, which makes what its tests share once."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return share_of(nodeid)

    return Scheduling(config, log)


SHARE_NOTHING = ("tests/test_benchmarks.py::", "tests/e2e/test_guides.py::test_a_page_about_releases")
"""Tests that start a service of their own, and take so long that a file of them would run alone at the end."""


def share_of(nodeid: str) -> str:
    """What goes to one process: a file, or a test that shares nothing with the others of its file."""
    return nodeid if any(alone in nodeid for alone in SHARE_NOTHING) else nodeid.split("::", 1)[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests come first, so that no process runs one alone at the end."""
    if config.getoption("quick"):
        chosen = quick_part(items)
        config.hook.pytest_deselected(items=list(set(items).difference(chosen)))
        items[:] = chosen
    if hasattr(config, "workerinput"):
        first = [
            {share_of(each.nodeid) for each in items if each.get_closest_marker(mark)} for mark in ("long", "slow")
        ]
        items.sort(key=lambda item: [share_of(item.nodeid) not in shares for shares in first])


GARBAGE = 50_000
"""Objects more than before, at which garbage is looked for."""


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Garbage is looked for again, but not among modules and tests, and seldom: it took 7 % of the processor time."""
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """A failure that shows half a character must not end the whole run: reports go to another process as UTF-8."""
    report = yield
    return storable(report)


def storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {storable(key): storable(each) for key, each in value.items()}
    return [storable(each) for each in value] if isinstance(value, list) else value


def data_of_this_process() -> Path:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    return Path(os.environ.get("APP_DATA_DIR", ROOT / ".data")) / f"test-{worker}"


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedPostgres]:
    """Kept from run to run, beside the one of `make run`; another run of the same tests joins it."""
    server = start_embedded(data_of_this_process())
    # What is written here need not outlive a power cut; what must outlive a killed process does. The server would look
    # for garbage in every database of a run.
    for name in ("autovacuum", "fsync", "full_page_writes"):
        _run(server, "alter system set {} = off", name)
    _run(server, "select pg_reload_conf()")
    cpu_report.SERVERS.append(psutil.Process(int((server.folder / "postmaster.pid").read_text().split()[0])))
    yield server
    server.stop()


def _run(server: EmbeddedPostgres, statement: str, *names: str) -> None:
    with psycopg.connect(server.urls("postgres").owner, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def forks() -> Forks:
    return shared_forks()


FreshDatabase = Callable[[], AbstractContextManager[Urls]]


@pytest.fixture(scope="session")
def databases(embedded: EmbeddedPostgres) -> Iterator[Databases]:
    those = Databases(embedded)
    those.drop()
    yield those
    those.drop()


@pytest.fixture(scope="session")
def migrated_database(databases: Databases) -> str:
    """The name of a database to copy, which is migrated and otherwise empty."""
    name = databases.new_name()
    urls = databases.server.urls(name)
    migrate(urls.owner, urls.service, ROOT)
    return name


@pytest.fixture(scope="session")
def fresh_database(databases: Databases, migrated_database: str) -> FreshDatabase:
    """Makes migrated databases that nobody else uses."""

    @contextmanager
    def make() -> Iterator[Urls]:
        yield databases.copy(migrated_database)

    return make


@pytest.fixture(scope="module")
def database_urls(fresh_database: FreshDatabase) -> Iterator[Urls]:
    """One for each file: whatever release, budget or document another file left is not there."""
    with fresh_database() as urls:
        yield urls


@pytest.fixture(autouse=True)
def responses_match_the_models_of_their_routes() -> Iterator[None]:
    FAILURES.clear()
    yield
    assert FAILURES == []


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Urls:
    """An unreachable database, with a short connection timeout."""
    monkeypatch.setattr("app.core.database.POOL_SECONDS", 0.05)
    url = "postgresql://app_service:x@127.0.0.1:1/nothing"
    return Urls(service=url, owner=url)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(root=TESTED, data_dir=tmp_path_factory.mktemp("data"), embedder="none", _env_file=None)


@pytest_asyncio.fixture(scope="module")
async def state(database_urls: Urls, settings: Settings) -> AsyncIterator[State]:
    async with build(settings, database_urls) as built:
        yield built


OVERRIDDEN: list[tuple[object, str, object]] = []
"""What fields had before they were overridden."""


def override(target: object, **values: object) -> None:
    """Sets fields of a frozen value until the end of the test, or for good in a fixture that many tests share.

    A name that the value does not have is an error, and sets nothing.
    """
    for name, value in values.items():
        assert hasattr(target, name), f"{type(target).__name__} has no {name}"
        OVERRIDDEN.append((target, name, getattr(target, name)))
        object.__setattr__(target, name, value)


@pytest.fixture(autouse=True)
def no_override_outlives_its_test() -> Iterator[None]:
    shared = len(OVERRIDDEN)
    yield
    while len(OVERRIDDEN) > shared:
        target, name, before = OVERRIDDEN.pop()
        object.__setattr__(target, name, before)


def without_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for a change are woken by notifications only, without polling."""
    monkeypatch.setattr("app.core.change_waiter._wait", lambda changed, seconds: changed.wait())


async def adopt(state: State) -> None:
    """Lets the release of this state's own files go live, whatever other tests left there."""
    release = await state.releases.create("tests")
    await state.rollouts.activate("tests", release.id, "a test needs it", break_glass=True)


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
    """Calls the application in this process with a key of `tenant` that has every permission."""
    transport = httpx.ASGITransport(app=main.create_app(state), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://service", headers={"Authorization": f"Bearer {key}"}
    ) as open_client:
        yield open_client
