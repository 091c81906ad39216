"""Readiness detects a database that cannot write: a full disk, a standby, a read-only database."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest

from app.core.clock import ManualClock
from app.core.database import Database
from app.core.embedded import Urls, start_embedded
from app.core.schema import migrate
from app.core.storage import CACHE_SECONDS, storage_check
from app.main import create_app
from app.settings import Settings
from app.wiring import State, build
from tests.conftest import ROOT

FULL = "The database's disk is full. Free space on the database's disk."


@asynccontextmanager
async def served(settings: Settings, urls: Urls, clock: ManualClock) -> AsyncIterator[tuple[State, httpx.AsyncClient]]:
    async with build(settings, urls, clock) as state:
        transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield state, client


async def storage(client: httpx.AsyncClient) -> tuple[int, str]:
    ready = await client.get("/health/ready")
    return ready.status_code, ready.json()["checks"]["storage"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 megabytes, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
async def test_a_full_disk_is_detected_and_a_freed_one_too(small_disk: Path, settings: Settings) -> None:
    server = await asyncio.to_thread(start_embedded, small_disk)
    try:
        urls, clock = server.urls(), ManualClock()
        await asyncio.to_thread(migrate, urls.owner, urls.service, ROOT)
        async with served(settings, urls, clock) as (state, client):
            tenant = await state.identity.ensure_tenant("somebody")
            key = (await state.identity.create_key(tenant, "test", ["admin"])).text
            assert await storage(client) == (200, "ok")
            fill(small_disk / "ballast")
            clock.advance(CACHE_SECONDS)
            assert await storage(client) == (503, FULL)
            sent = await client.post(
                "/v1/documents",
                files={"file": ("note.md", b"tea at four " * 40_000)},
                headers={"Authorization": f"Bearer {key}"},
            )
            assert sent.json()["code"] == "storage_full"
            (small_disk / "ballast").unlink()
            assert await storage(client) == (200, "ok")
    finally:
        server.stop()


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1_000_000, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


@pytest.fixture
def full_database(database_urls: Urls) -> Iterator[Urls]:
    """The same database, which reports a full disk to connections with this URL."""
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute(
            "create function public.pg_is_in_recovery() returns boolean language plpgsql as "
            "$$ begin raise exception 'could not write to file' using errcode = '53100'; end $$"
        )
        path = quote("-csearch_path=public,pg_catalog")
        yield Urls(service=f"{database_urls.service}&options={path}", owner=database_urls.owner)
        connection.execute("drop function public.pg_is_in_recovery()")


async def test_the_databases_own_error_of_a_full_disk_makes_the_service_not_ready(
    full_database: Urls, settings: Settings
) -> None:
    async with served(settings, full_database, ManualClock()) as (_, client):
        assert await storage(client) == (503, FULL)


async def test_a_read_only_database_makes_the_service_not_ready(database_urls: Urls, settings: Settings) -> None:
    read_only = f"{database_urls.service}&options={quote('-cdefault_transaction_read_only=on')}"
    async with served(settings, Urls(read_only, database_urls.owner), ManualClock()) as (_, client):
        status, message = await storage(client)
    assert status == 503
    assert message.startswith(
        "The database accepts no writes: it is a standby, or it was made read-only. Name the primary"
    )


async def test_the_check_writes_to_the_disk(database_urls: Urls, state: State) -> None:
    def written() -> int:
        with psycopg.connect(database_urls.owner) as connection:
            row = connection.execute(
                "select temp_bytes from pg_stat_database where datname = current_database()"
            ).fetchone()
        return int(row[0]) if row else 0

    before = written()
    await storage_check(state.database, ManualClock())()
    async with state.database.pool.connection() as connection:
        await connection.execute("select pg_stat_force_next_flush()")
    async with asyncio.timeout(60):
        while written() < before + 1_000_000:  # noqa: ASYNC110 - the server updates it a moment later
            await asyncio.sleep(0.1)


async def test_many_checks_cost_one_write(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = []

    async def write(database: Database) -> None:
        writes.append(database)
        await asyncio.sleep(0)

    monkeypatch.setattr("app.core.storage._write", write)
    clock = ManualClock()
    check = storage_check(state.database, clock)
    await asyncio.gather(*(check() for _ in range(50)))
    assert len(writes) == 1
    clock.advance(CACHE_SECONDS)
    await check()
    assert len(writes) == 2
