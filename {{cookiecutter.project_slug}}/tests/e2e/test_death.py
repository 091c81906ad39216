"""A process dies between the commit of an answer and its reply; a retry gets that answer and is charged once."""

import asyncio
import json
import shutil
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import make_url

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.standin import StandIn
from app.core.embedded import Urls
from app.retrieval.domain import PublishRequest
from app.wiring import State, build
from tests.clock import until
from tests.conftest import ROOT, adopt
from tests.e2e.conftest import environment, free_port
from tests.forks import KILL, Forks

MODEL = "gpt-4o-mini"  # has a price, so that a second charge would show
TEXT = "The lighthouse of Karlen was built in 1874 by the engineer Marta Holm."
BODY = {"question": "Who built the lighthouse of Karlen?"}
KEYED = {"Idempotency-Key": "asked before the end"}


@dataclass
class Wire:
    """A proxy to PostgreSQL. It forwards every statement, but from the one that stores an answer on it drops the
    replies of the server: the commit succeeds, and the process does not learn of it.
    """

    server: Path
    mark: bytes = b"insert into answers"
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        listener = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()

    async def _carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(str(self.server))
        silent = asyncio.Event()
        back = asyncio.ensure_future(self._back(from_server, writer, silent))
        seen = b""
        with suppress(ConnectionError):
            while said := await reader.read(65536):
                seen = seen[-len(self.mark) :] + said.lower()
                if self.mark in seen:
                    silent.set()
                    self.cut.set()
                to_server.write(said)
                await to_server.drain()
        back.cancel()
        to_server.close()
        writer.close()

    async def _back(self, reader: StreamReader, writer: StreamWriter, silent: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while said := await reader.read(65536):
                if not silent.is_set():
                    writer.write(said)
                    await writer.drain()


@asynccontextmanager
async def api(data: Path, forks: Forks, **variables: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """`app serve` in a fork, once it is alive; killed at the end."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *forks.command("app"),
        "serve",
        cwd=ROOT,
        env=environment(data, APP_PORT=str(port), **variables),
        stderr=DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10_000) as client:
            while not await _alive(client):
                assert process.returncode is None
                await asyncio.sleep(0.05)
            yield process, client
    finally:
        if process.returncode is None:
            process.send_signal(KILL)
        await process.wait()


async def _alive(client: httpx.AsyncClient) -> bool:
    with suppress(httpx.TransportError):
        return (await client.get("/health/live")).status_code == 200
    return False


async def publish(state: State, tenant: UUID) -> None:
    prepared = await state.retrieval.prepare(PublishRequest(uuid4(), tenant, 1, "Lighthouse", "tests", "one.md", TEXT))
    async with state.database.transaction(tenant) as connection:
        await state.retrieval.publish(connection, prepared)


async def rows(state: State, tenant: UUID, sql: str) -> list[tuple[Any, ...]]:
    async with state.database.pipeline(tenant) as connection:
        cursor = await connection.execute(sql)
    return await cursor.fetchall()


def with_review(rules: str, root: Path, old: Path) -> Path:
    """The service's files in the folder `root`, with these rules of review."""
    for name in ("policies", "prompts", "migrations", "evals"):
        shutil.copytree(old / name, root / name)
    policy = root / "policies" / "review.yaml"
    policy.write_text(f"{policy.read_text().partition('rules:')[0]}rules:{rules}\n")
    return root


async def go_live_with(model: StandIn, state: State, urls: Urls, root: Path | None = None) -> dict[str, str]:
    """Makes a release with this model live. Returns the environment of processes that serve it."""
    chain = ModelChoice(model=MODEL, base_url=model.url)
    chosen = {"model_chain": (chain,), "root": root or state.settings.root}
    async with build(state.settings.model_copy(update=chosen), urls) as written:
        await adopt(written)
    return {
        "APP_ROOT": str(chosen["root"]),
        "APP_EMBEDDER": "none",
        "APP_MODEL_CHAIN": json.dumps([{"model": MODEL, "base_url": model.url}]),
        "APP_KEY_PEPPER": state.settings.pepper().decode(),
        "APP_DATABASE_OWNER_URL": urls.owner,
        "DATABASE_URL": urls.service,
    }


@pytest_asyncio.fixture
async def live_again(state: State) -> AsyncIterator[None]:
    """Activates the release of the test run again afterwards."""
    yield
    await adopt(state)


@pytest.mark.usefixtures("live_again")
async def test_an_answer_stored_by_a_process_that_died_is_replayed_and_charged_once(
    state: State, tenant: UUID, key: str, database_urls: Urls, tmp_path: Path, forks: Forks
) -> None:
    await publish(state, tenant)
    direct = make_url(database_urls.service)
    folder = str(direct.query["host"])
    wire = Wire(Path(folder) / ".s.PGSQL.5432")
    async with StandIn(MODEL) as model, wire.listening() as port:
        # An answer that is drawn for review is stored statement by statement.
        root = with_review(" []", tmp_path / "root", state.settings.root)
        common = await go_live_with(model, state, database_urls, root)
        through = (
            f"postgresql://{direct.username}@127.0.0.1:{port}/{direct.database}?sslmode=disable&gssencmode=disable"
        )
        headers = {"Authorization": f"Bearer {key}"} | KEYED
        async with api(tmp_path, forks, **common | {"DATABASE_URL": through}) as (process, client):
            asking = asyncio.ensure_future(client.post("/v1/answers", json=BODY, headers=headers))
            await wire.cut.wait()
            await until(lambda: rows(state, tenant, "select 1 from answers"))
            assert not asking.done()
            process.send_signal(KILL)
            with pytest.raises(httpx.TransportError):
                await asking
        stored = await rows(state, tenant, "select id::text from answers")
        async with api(tmp_path, forks, **common) as (_, client):
            again = await client.post("/v1/answers", json=BODY, headers=headers)
        assert again.status_code == 200, again.text
        assert again.headers["idempotency-replayed"] == "true"
        assert (again.json()["model"], again.json()["status"]) == (MODEL, "answered")
        assert stored == [(again.json()["id"],)] == await rows(state, tenant, "select id::text from answers")
        assert len(model.calls) == 1
    charged = await rows(state, tenant, "select micro_usd from ledger")
    assert len(charged) == 1
    assert charged[0][0] > 0
