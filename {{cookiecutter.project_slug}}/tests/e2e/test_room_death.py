"""Retrieval in a real process of its own, killed in the middle of an answer."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import text

from app.core.embedded import Urls
from app.main import create_app
from app.retrieval.domain import PublishRequest
from app.settings import Settings
from app.wiring import State, build
from benchmarks.processes import free_port
from tests.clock import leap, until
from tests.conftest import ROOT, adopt
from tests.e2e.conftest import environment
from tests.forks import KILL, Forks

KEY = "the key of the processes, for tests"
TEXT = "The lamp of the lighthouse is lit at dusk by the keeper."
QUESTION = {"question": "When is the lamp of the lighthouse lit?"}


@asynccontextmanager
async def retrieval(urls: Urls, data: Path, forks: Forks, port: int) -> AsyncIterator[subprocess.Popen[bytes]]:
    variables = {"DATABASE_URL": urls.service, "APP_ROOM_KEY": KEY, "APP_EMBEDDER": "none", "APP_PORT": str(port)}
    command = [*forks.command("app"), "serve", "--only", "retrieval"]
    process = subprocess.Popen(  # noqa: ASYNC220, it is only started
        command, cwd=ROOT, env=environment(data, **variables), stderr=subprocess.DEVNULL
    )
    try:
        async with httpx.AsyncClient() as client:

            async def ready() -> bool:
                assert process.poll() is None
                try:
                    return (await client.get(f"http://127.0.0.1:{port}/health/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 60) == 0


async def client_of(state: State) -> tuple[httpx.AsyncClient, UUID]:
    tenant = await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
    key = await state.identity.create_key(tenant, "test", ["user"])
    prepared = await state.retrieval.prepare(PublishRequest(uuid4(), tenant, 1, "Lamp", "tests", "lamp.md", TEXT))
    async with state.database.transaction(tenant) as connection:
        await state.retrieval.publish(connection, prepared)
    transport, headers = httpx.ASGITransport(app=create_app(state)), {"Authorization": f"Bearer {key.text}"}
    return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers), tenant


@pytest.mark.slow
async def test_a_process_of_retrieval_killed_in_the_middle_of_an_answer_loses_and_doubles_nothing(
    database_urls: Urls, settings: Settings, tmp_path: Path, forks: Forks
) -> None:
    port = free_port()
    chosen = {"retrieval_url": f"http://127.0.0.1:{port}", "room_key": Settings(room_key=KEY, _env_file=None).room_key}
    async with build(settings.model_copy(update=chosen), database_urls) as state:
        await adopt(state)
        client, tenant = await client_of(state)
        async with retrieval(database_urls, tmp_path, forks, port) as process:
            assert (await client.post("/v1/answers", json=QUESTION)).json()["status"] == "answered"
            with psycopg.connect(database_urls.owner) as blocker:
                blocker.execute("lock table chunk_terms in access exclusive mode")
                asking = asyncio.ensure_future(
                    client.post("/v1/answers", json=QUESTION, headers={"Idempotency-Key": "a"})
                )
                waiting = "select count(*) from pg_locks where not granted and relation = 'chunk_terms'::regclass"
                await until(lambda: blocker.execute(waiting).fetchone() != (0,))
                process.send_signal(KILL)
                refused = await asking
            assert (refused.status_code, refused.json()["code"]) == (503, "room_unavailable")
        async with retrieval(database_urls, tmp_path, forks, port):
            await leap(state.search.client.breaker.open_seconds)  # type: ignore[attr-defined]
            again = await client.post("/v1/answers", json=QUESTION, headers={"Idempotency-Key": "a"})
            assert (again.status_code, again.json()["status"]) == (200, "answered")
        await client.aclose()
        async with state.database.read(tenant) as connection:
            assert (await connection.execute(text("select count(*) from answers"))).scalar() == 2
