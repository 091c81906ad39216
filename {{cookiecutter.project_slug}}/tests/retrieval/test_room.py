"""The process of retrieval alone: what it serves, whom it listens to, and what it understands."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
import orjson
import pytest
import pytest_asyncio

from app.core.database import notify
from app.core.errors import DatabaseUnavailable, StartRefused
from app.core.rooms import SECONDS_LEFT
from app.releases.domain import INDEX_SWITCHED
from app.retrieval.service.retrieval import Retrieval
from app.room import create_room_app
from app.settings import Settings
from app.setup.retrieval_room import RetrievalRoom, open_retrieval_room
from app.wiring import State
from tests.clock import until
from tests.conftest import ROOT, TESTED, override
from tests.crowds import let_in
from tests.identity.test_scopes import routes_of
from tests.test_wiring import Follower, classify

OTHERS = ("wiring", "main", "inference.service", "ingestion.service", "llm.service", "evaluation", "review", "privacy")
"""Parts of the service that a process of retrieval alone does not load."""


@pytest_asyncio.fixture
async def room(settings: Settings, state: State) -> AsyncIterator[RetrievalRoom]:
    keyed = settings.model_copy(update={"room_key_previous": SECRET})
    async with open_retrieval_room(keyed, state.urls) as opened:
        await opened.retrieval.indexes.live()
        yield opened


SECRET = Settings(room_key="old" * 11, _env_file=None).room_key  # type: ignore[arg-type]


def called(room: RetrievalRoom) -> httpx.AsyncClient:
    """A client of the room with its key."""
    transport = httpx.ASGITransport(app=create_room_app(room), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {room.keys.current.decode()}", SECONDS_LEFT: "30"}
    return httpx.AsyncClient(transport=transport, base_url="http://room", headers=headers)


@pytest_asyncio.fixture
async def client(room: RetrievalRoom) -> AsyncIterator[httpx.AsyncClient]:
    async with called(room) as opened:
        yield opened


def call(tenant: UUID, **fields: object) -> bytes:
    return orjson.dumps({"tenant_id": tenant, "key_id": UUID(int=0), "groups": [], "query": "Tarn", **fields})


async def test_it_serves_internal_routes_health_and_metrics_and_nothing_else(room: RetrievalRoom) -> None:
    served = {(method, path) for method, path, _ in routes_of(create_room_app(room).routes)}
    assert served == {
        ("POST", "/internal/v1/search"),
        ("GET", "/internal/v1/ready"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/metrics"),
    }


async def test_it_hears_which_index_another_process_made_live(room: RetrievalRoom) -> None:
    follower, app = Follower(), create_room_app(room)
    override(room.retrieval, follow=follower.follow)
    async with app.router.lifespan_context(app):

        async def told() -> bool:
            async with room.database.transaction(None) as connection:
                await notify(connection, INDEX_SWITCHED, "7")
            return not follower.told.empty()

        await until(told)


async def test_a_charge_that_was_refused_is_made_before_the_process_ends(settings: Settings, state: State) -> None:
    attempts = 0

    async def charge() -> None:
        """Fails once."""
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise DatabaseUnavailable

    async with open_retrieval_room(settings, state.urls) as ending:
        override(ending.costs.late, retry_delays=(1000.0,))
        await ending.costs.late.charge(charge, {})
    assert attempts == 2


async def test_without_the_key_of_the_processes_only_health_and_metrics_are_served(
    client: httpx.AsyncClient, tenant: UUID, key: str
) -> None:
    wrong = [{}, {"authorization": "Bearer "}, {"authorization": f"Bearer {key}"}, {"authorization": "Bearer x" * 40}]
    good = client.headers.pop("authorization")
    wrong += [{"authorization": good[:-1]}, {"authorization": good + "x"}, {"authorization": good.lower()}]
    for headers in wrong:
        for method, path in (("POST", "/internal/v1/search"), ("GET", "/internal/v1/ready"), ("GET", "/nowhere")):
            reply = await client.request(method, path, content=b"[" * 10, headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (401, "room_key_invalid"), headers
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert (await client.get(path)).status_code == 200
    for accepted in (good, "Bearer " + "old" * 11):
        reply = await client.post("/internal/v1/search", content=call(tenant), headers={"authorization": accepted})
        assert reply.status_code == 200, reply.text


async def test_its_readiness_is_that_of_the_search_alone(client: httpx.AsyncClient) -> None:
    checks = (await client.get("/health/ready")).json()["checks"]
    assert checks == {"database": "ok", "schema": "ok", "index": "ok"}
    assert (await client.get("/internal/v1/ready")).json() == {"checks": checks}


async def test_a_call_of_a_later_version_may_have_more_fields_but_no_unknown_parameter(
    client: httpx.AsyncClient, tenant: UUID
) -> None:
    more = await client.post("/internal/v1/search", content=call(tenant, explain=True, later={"a": 1}))
    assert more.status_code == 200, more.text
    changed = await client.post("/internal/v1/search", content=call(tenant, params={"rerank": 5}))
    assert changed.json()["code"] == "release_unservable"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"query": "x"}', b"\xff", b'{"query": "a\\u0000"}', call(UUID(int=1), limit=51)]
)
async def test_a_call_that_is_not_understood_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    reply = await client.post("/internal/v1/search", content=body)
    assert reply.status_code == 422, reply.text


async def test_a_call_of_any_size_is_not_read(client: httpx.AsyncClient, tenant: UUID) -> None:
    large = call(tenant, later="x" * 1_000_000)
    assert (await client.post("/internal/v1/search", content=large)).status_code == 413


async def test_of_a_crowd_of_calls_exactly_as_many_are_worked_on_as_the_settings_say(
    room: RetrievalRoom, tenant: UUID
) -> None:
    few = replace(room, settings=room.settings.model_copy(update={"max_requests": 3}))
    async with called(few) as client:
        ask = partial(client.post, "/internal/v1/search", content=call(tenant))
        assert await let_in(12, ask, Retrieval, "search") == 3


@pytest.mark.parametrize("seconds", ["", "soon", "-1", "nan", "inf", "3601"])
async def test_a_call_says_how_much_time_it_has(client: httpx.AsyncClient, tenant: UUID, seconds: str) -> None:
    reply = await client.post("/internal/v1/search", content=call(tenant), headers={SECONDS_LEFT: seconds})
    assert (reply.status_code, reply.json()["code"]) == (422, "room_call_invalid")
    none_left = await client.post("/internal/v1/search", content=call(tenant), headers={SECONDS_LEFT: "0"})
    assert (none_left.status_code, none_left.json()["code"]) == (504, "out_of_time")


async def test_the_key_must_be_set_outside_development(settings: Settings, state: State) -> None:
    strict = settings.model_copy(update={"environment": "staging", "room_key": None})
    with pytest.raises(StartRefused, match="APP_ROOM_KEY must be set"):
        async with open_retrieval_room(strict, state.urls):
            pass


async def test_confidential_text_leaves_from_here_for_no_host_that_nobody_agreed_to(
    tmp_path: Path, settings: Settings, state: State
) -> None:
    shutil.copytree(TESTED / "policies", tmp_path / "policies")
    classify(tmp_path, "confidential")
    elsewhere = settings.model_copy(update={"root": tmp_path, "embedder": "openai"})
    with pytest.raises(StartRefused, match=r"api\.openai\.com.*confidential_hosts"):
        async with open_retrieval_room(elsewhere, state.urls):
            pass


def test_a_process_of_retrieval_alone_loads_no_other_room() -> None:
    code = "import sys, app.cli.serve, app.room, app.setup.retrieval_room; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = set(loaded.stdout.split())
    assert {"app.retrieval.service.retrieval", "app.room"} <= modules
    assert modules & {f"app.{other}" for other in OTHERS} == set()
