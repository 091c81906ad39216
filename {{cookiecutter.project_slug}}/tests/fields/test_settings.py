"""Each variable of the environment changes what the service that is built from it does."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app import worker
from app.core.errors import Problem, StartRefused
from app.core.jobs import Worker
from app.core.rooms import SECONDS_LEFT
from app.encryption.service import TenantKeys
from app.identity.service.keys import Identity
from app.room import create_room_app
from app.settings import load_settings
from app.setup.process import database_urls, reading_url
from app.setup.retrieval_room import open_retrieval_room
from app.wiring import State
from tests.conftest import TESTED
from tests.crowds import let_in
from tests.fields.conftest import Changed, called, environment
from tests.inference.test_suspicious_questions import SUSPICIOUS

Probe = Callable[[State], Awaitable[Any]]
SECRET, OTHER = "s" * 40, "o" * 40


def status(method: str, path: str, **headers: str) -> Probe:
    async def probe(state: State) -> int:
        async with called(state) as client:
            return (await client.request(method, path, headers=headers)).status_code

    return probe


async def allowed_origin(state: State) -> str | None:
    async with called(state) as client:
        reply = await client.get("/v1/caller", headers={"origin": "https://chat.example.com"})
    return reply.headers.get("access-control-allow-origin")


async def suspected(state: State) -> bool:
    async with called(state) as client:
        reply = await client.post("/v1/answers", json={"question": SUSPICIOUS})
    return any(each["rule"].startswith("suspected") for each in reply.json()["findings"])


async def tombstones(state: State) -> str:
    return state.privacy.tombstones.file.path.name


async def connections(state: State) -> int:
    most = int(state.database.pool.get_stats()["pool_max"])
    assert most == state.database.size
    return most


async def readiness(state: State) -> bool:
    async with called(state) as client:
        return "retrieval" in (await client.get("/health/ready")).json()["checks"]


async def language_of_new_indexes(state: State) -> str:
    return str(state.retrieval.indexes.first.text_search)


async def embedders(state: State) -> list[str]:
    return sorted(each.partition("-")[0].partition(":")[0] for each in state.retrieval.embedders)


async def jobs_at_once(state: State) -> int:
    """Of the worker that `app worker` runs, without any job."""
    made: list[int] = []

    class Noted(Worker):
        async def run(self, wait: bool = True) -> None:
            made.append(self.concurrency)

    before, worker.Worker = worker.Worker, Noted  # type: ignore[misc]
    try:
        await worker._work(state, None, 0)
    finally:
        worker.Worker = before  # type: ignore[misc]
    return made[0]


MCP = {"host": "answers.example.com", "origin": "https://chat.example.com"}
ROOM = {"APP_RETRIEVAL_URL": "http://127.0.0.1:1", "APP_ROOM_KEY": SECRET}
VALUES: list[tuple[str, dict[str, str], Probe, Any, Any]] = [
    ("APP_CONSOLE", {"APP_CONSOLE": "false"}, status("GET", "/console/"), 200, 404),
    ("APP_MCP", {"APP_MCP": "false"}, status("GET", "/mcp", host="127.0.0.1"), 405, 404),
    ("APP_MCP_HOSTS", {"APP_MCP_HOSTS": '["answers.example.com"]'}, status("POST", "/mcp", host=MCP["host"]), 403, 400),
    (
        "APP_MCP_ORIGINS",
        {"APP_MCP_ORIGINS": '["https://chat.example.com"]'},
        status("POST", "/mcp", host="127.0.0.1", origin=MCP["origin"]),
        403,
        400,
    ),
    ("APP_ROOT_PATH", {"APP_ROOT_PATH": "/answers"}, status("GET", "/answers/health/live"), 404, 200),
    (
        "APP_CORS_ORIGINS",
        {"APP_CORS_ORIGINS": '["https://chat.example.com"]'},
        allowed_origin,
        None,
        "https://chat.example.com",
    ),
    ("APP_INJECTION_CLASSIFIER", {"APP_INJECTION_CLASSIFIER": "false"}, suspected, True, False),
    ("APP_TOMBSTONES", {"APP_TOMBSTONES": "/tmp/of-the-fields"}, tombstones, "tombstones.jsonl", "of-the-fields"),
    ("APP_DATABASE_POOL", {"APP_DATABASE_POOL": "5"}, connections, 16, 5),
    ("APP_RETRIEVAL_URL", ROOM, readiness, False, True),
    ("APP_TEXT_SEARCH", {"APP_TEXT_SEARCH": "german"}, language_of_new_indexes, "english", "german"),
    ("APP_EMBEDDER", {"APP_EMBEDDER": "minilm"}, embedders, ["none"], ["minilm"]),
    ("APP_EMBEDDER_NEXT", {"APP_EMBEDDER_NEXT": "minilm"}, embedders, ["none"], ["minilm", "none"]),
    ("APP_WORKER_CONCURRENCY", {"APP_WORKER_CONCURRENCY": "5"}, jobs_at_once, 2, 5),
]


@pytest.mark.parametrize(
    ("name", "variables", "probe", "without", "with_it"), VALUES, ids=[name for name, *_ in VALUES]
)
async def test_a_variable_changes_what_happens(
    changed: Changed, name: str, variables: dict[str, str], probe: Probe, without: Any, with_it: Any
) -> None:
    assert name in variables
    async with changed() as state:
        before = await probe(state)
    async with changed(variables, live=name != "APP_EMBEDDER") as state:
        assert (before, await probe(state)) == (without, with_it)


@pytest.mark.parametrize(
    ("name", "number", "path", "without"),
    [("APP_MAX_REQUESTS", 3, "/v1/keys", 64), ("APP_MAX_UPLOADS", 2, "/v1/documents", 8)],
    ids=["APP_MAX_REQUESTS", "APP_MAX_UPLOADS"],
)
async def test_of_a_crowd_exactly_so_many_get_in(
    changed: Changed, name: str, number: int, path: str, without: int
) -> None:
    found = []
    for variables in ({}, {name: str(number)}):
        async with changed(variables, slo={"overload": {"max_waiting": 0}}) as state, called(state) as client:
            found.append(await let_in(80, partial(client.get, path), Identity, "authenticate"))
    assert found == [without, number]


async def test_a_language_that_text_recognition_does_not_have_refuses_the_start(changed: Changed) -> None:
    with pytest.raises(StartRefused, match="APP_OCR_LANGUAGES names zzz"):
        async with changed({"APP_OCR_LANGUAGES": "zzz"}, live=False):
            pass


async def test_the_pepper_is_in_the_hash_of_every_key(changed: Changed) -> None:
    async with changed({"APP_KEY_PEPPER": SECRET}) as state:
        tenant = await state.identity.ensure_tenant(uuid4().hex)
        key = (await state.identity.create_key(tenant, "ada", ["user"])).text
        assert (await state.identity.authenticate(key)).name == "ada"
    async with changed({"APP_KEY_PEPPER": OTHER}) as state:
        with pytest.raises(Problem):
            await state.identity.authenticate(key)


async def test_the_master_key_opens_what_it_has_sealed_also_as_the_previous_one(changed: Changed) -> None:
    async with changed({"APP_MASTER_KEY": SECRET}) as state:
        tenant = await state.identity.ensure_tenant(uuid4().hex)
        keys: TenantKeys = state.privacy.keys
        async with state.database.transaction(tenant) as connection:
            sealed = await keys.seal(connection, tenant, "test", b"the lamp")
    for variables, opens in (
        ({"APP_MASTER_KEY": OTHER}, False),
        ({"APP_MASTER_KEY": OTHER, "APP_MASTER_KEY_PREVIOUS": SECRET}, True),
    ):
        async with changed(variables, live=False) as state:
            assert await opened(state, tenant, sealed) is opens


async def opened(state: State, tenant: Any, sealed: Any) -> bool:
    try:
        async with state.database.read(tenant) as connection:
            return await state.privacy.keys.open(connection, tenant, "test", sealed) == b"the lamp"
    except (Problem, StartRefused):
        return False


async def test_the_root_has_the_policies_and_the_data_folder_the_secrets(changed: Changed, tmp_path: Any) -> None:
    async with changed({"APP_DATA_DIR": str(tmp_path)}, ownership={"service": "Of this root"}) as state:
        async with called(state) as client:
            assert (await client.get("/openapi.json")).json()["info"]["title"] == "Of this root"
        assert (tmp_path / "pepper").exists()


def test_outside_of_development_no_secret_is_made_up() -> None:
    common = {"APP_ROOT": str(TESTED), "APP_ENVIRONMENT": "staging", "APP_MASTER_KEY": SECRET}
    with environment({**common, "APP_KEY_PEPPER": SECRET}):
        assert load_settings(_env_file=None).pepper() == SECRET.encode()
    with environment(common), pytest.raises(StartRefused, match="APP_KEY_PEPPER must be set"):
        load_settings(_env_file=None)


async def test_a_release_is_signed_and_taken_in_by_the_release_secret(changed: Changed) -> None:
    async with changed({"APP_RELEASE_SECRET": SECRET}) as state, called(state) as client:
        release = state.environments.current().id
        bundle = (await client.get(f"/v1/releases/{release}/export")).content
        assert (await client.post("/v1/releases/import", files={"file": bundle})).status_code in (200, 201)
    async with changed({"APP_RELEASE_SECRET": OTHER}) as state, called(state) as client:
        assert (await client.post("/v1/releases/import", files={"file": bundle})).status_code == 400


@pytest.mark.parametrize(
    ("variables", "status"),
    [
        ({"APP_ROOM_KEY": SECRET}, 200),
        ({"APP_ROOM_KEY": OTHER}, 401),
        ({"APP_ROOM_KEY": OTHER, "APP_ROOM_KEY_PREVIOUS": SECRET}, 200),
    ],
    ids=["the key", "another", "the previous one"],
)
async def test_a_room_is_called_with_its_key_or_the_one_before(
    changed: Changed, variables: dict[str, str], status: int
) -> None:
    async with changed() as state:
        common = {"APP_ROOT": str(TESTED), "APP_DATA_DIR": str(state.settings.data_dir), "APP_EMBEDDER": "none"}
        with environment({**common, **variables}):
            settings = load_settings(_env_file=None)
        async with open_retrieval_room(settings, state.urls) as room:
            transport = httpx.ASGITransport(app=create_room_app(room), raise_app_exceptions=False)
            headers = {"authorization": f"Bearer {SECRET}", SECONDS_LEFT: "30"}
            async with httpx.AsyncClient(transport=transport, base_url="http://room", headers=headers) as client:
                assert (await client.get("/internal/v1/ready")).status_code == status


def test_each_address_of_the_database_is_that_of_the_environment() -> None:
    named = {"DATABASE_URL": "a", "APP_DATABASE_OWNER_URL": "b", "APP_DATABASE_SESSION_URL": "c"}
    given = {name: f"postgresql://{who}@127.0.0.1/answers" for name, who in named.items()}
    backup = "postgresql://d@127.0.0.1/answers"
    with environment({**given, "APP_DATABASE_BACKUP_URL": backup, "APP_ROOT": str(TESTED)}):
        settings = load_settings(_env_file=None)
    urls, server = database_urls(settings)
    assert server is None
    assert [urls.service, urls.owner, urls.session] == list(given.values())
    assert reading_url(settings, urls) == backup
