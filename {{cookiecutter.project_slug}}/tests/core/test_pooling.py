"""Behind a pooler in transaction mode no process starts, and readiness says why; session mode works."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import make_url

from app.core.background import background
from app.core.clock import SystemClock
from app.core.database import Database
from app.core.embedded import Urls
from app.core.errors import DatabaseUnavailable, StartRefused
from app.core.notifications import notification_check
from app.core.pooling import refuse_shared_sessions
from app.core.schema import SchemaCheck, migrate, verify
from app.identity.domain import ALL_ROLES
from app.settings import Settings
from app.wiring import build
from benchmarks.harness import client_of, worker
from tests.clock import until
from tests.conftest import ROOT
from tests.core.pooler import pooling
from tests.e2e.conftest import app, free_port
from tests.forks import Forks

REFUSED = "DATABASE_URL leads through a connection pooler in transaction mode"
OWNER_REFUSED = f"APP_DATABASE_OWNER_URL{REFUSED.removeprefix('DATABASE_URL')}"


@pytest_asyncio.fixture
async def pooled(database_urls: Urls) -> AsyncIterator[str]:
    async with pooling(database_urls.service) as url:
        yield url


async def test_a_direct_connection_is_fine(database_urls: Urls) -> None:
    await refuse_shared_sessions(database_urls.service, "DATABASE_URL")


async def test_a_busy_machine_has_time_to_accept_the_first_connection(
    database_urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, waits = psycopg.AsyncConnection.connect, []

    async def slow(url: str, **options: Any) -> psycopg.AsyncConnection[Any]:
        waits.append(options["connect_timeout"])
        return await connect(url, **options)

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", slow)
    await refuse_shared_sessions(database_urls.service, "DATABASE_URL")
    assert min(waits) >= 10


async def test_a_shared_session_stops_the_start_with_its_remedy(pooled: str) -> None:
    remedy = "in APP_DATABASE_SESSION_URL besides, set pool_mode = session.*or name the database server itself"
    with pytest.raises(StartRefused, match=f"{REFUSED}.*{remedy}"):
        await verify(pooled, ROOT)


async def test_readiness_reports_it_when_the_database_came_after_the_start(pooled: str) -> None:
    check = SchemaCheck(pooled, ROOT)
    with pytest.raises(StartRefused, match=REFUSED):
        await check()
    assert not check.verified


async def test_a_migration_is_refused_too_and_names_the_setting_of_the_owner(database_urls: Urls) -> None:
    async with pooling(database_urls.owner) as url:
        with pytest.raises(StartRefused, match=OWNER_REFUSED):
            await asyncio.to_thread(migrate, url, database_urls.service, ROOT)


@contextmanager
def pgbouncer(folder: Path, url: str, mode: str, sessions: int = 20) -> Iterator[str]:
    """A real PgBouncer in front of the embedded server, with so many sessions for all clients."""
    parts, port = urlsplit(url), free_port()
    socket_folder = Path(parse_qs(parts.query)["host"][0])
    (folder / "users").write_text(f'"{parts.username}" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n{parts.path[1:]} = host={socket_folder}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {folder / 'users'}\n"
        f"pool_mode = {mode}\ndefault_pool_size = {sessions}\n"
    )
    for path in (*reversed(folder.parents), folder, folder / "users", folder / "pgbouncer.ini"):
        if os.geteuid() == 0 and path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(0o755)
    as_owner = ["-u", socket_folder.owner()] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        ["pgbouncer", *as_owner, str(folder / "pgbouncer.ini")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pooled = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
    try:
        for _ in range(600):
            try:
                psycopg.connect(pooled, connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                assert process.poll() is None
                time.sleep(0.1)
        yield pooled
    finally:
        process.terminate()
        process.wait(60)


needs_pgbouncer = pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="there is no pgbouncer here")


@needs_pgbouncer
@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_behind_a_real_pgbouncer_no_process_starts(
    mode: str, command: str, database_urls: Urls, tmp_path: Path, forks: Forks
) -> None:
    with pgbouncer(tmp_path, database_urls.service, mode) as url:
        done = app(tmp_path, command, command=forks.command("app"), DATABASE_URL=url, APP_PORT=str(free_port()))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"app: {REFUSED}"), done.stderr


@needs_pgbouncer
async def test_a_real_pgbouncer_in_session_mode_is_fine(database_urls: Urls, tmp_path: Path) -> None:
    with pgbouncer(tmp_path, database_urls.service, "session") as url:
        await verify(url, ROOT)


@needs_pgbouncer
async def test_through_a_real_pgbouncer_in_transaction_mode_everything_works_with_an_address_for_sessions(
    database_urls: Urls, settings: Settings, tmp_path: Path
) -> None:
    with pgbouncer(tmp_path, database_urls.service, "transaction", sessions=3) as url:
        urls = Urls(url, database_urls.owner, database_urls.service)
        await verify(urls.service, ROOT, urls.session)
        async with (
            build(settings, urls) as state,
            client_of(state, "pooled") as (client, tenant),
            background(*state.background()),
            worker(state),
        ):
            files = [("files", (f"{n}.md", f"# Pier {n}\n\nThe ferry leaves pier {n} at six.")) for n in range(9)]
            (await client.post("/v1/documents", files=files)).raise_for_status()
            await until(lambda: published(client, 9))
            eight = asyncio.Semaphore(8)  # more than there are sessions, and fewer than admission refuses

            async def ask(number: int) -> httpx.Response:
                async with eight:
                    return await client.post("/v1/answers", json={"question": f"When leaves pier {number}?"})

            replies = await asyncio.gather(*map(ask, range(40)))
            assert {reply.status_code for reply in replies} == {200}
            assert sum("at six" in reply.json()["text"] for reply in replies[:9]) == 9
            ready = (await client.get("/health/ready")).json()
            assert set(ready["checks"].values()) == {"ok"}, ready
            key = await state.identity.create_key(tenant, "other", ALL_ROLES)
            assert (await state.identity.authenticate(key.text)).tenant_id == tenant


async def published(client: httpx.AsyncClient, count: int) -> bool:
    items = (await client.get("/v1/documents", params={"status": "published"})).json()["items"]
    return len(items) == count


@needs_pgbouncer
@pytest.mark.parametrize(
    ("mode", "session", "sentence"),
    [
        ("transaction", "itself", "APP_DATABASE_SESSION_URL leads through a connection pooler in transaction mode"),
        ("transaction", "another database", "APP_DATABASE_SESSION_URL leads to another database or role"),
        ("statement", "direct", "leads through a connection pooler in statement mode, which allows no transactions"),
    ],
)
async def test_two_addresses_that_do_not_fit_are_refused(
    database_urls: Urls, tmp_path: Path, mode: str, session: str, sentence: str
) -> None:
    with pgbouncer(tmp_path, database_urls.service, mode) as url:
        direct = database_urls.service
        elsewhere = make_url(direct).set(database="postgres").render_as_string(hide_password=False)
        other = {"itself": url, "direct": direct, "another database": elsewhere}
        with pytest.raises(StartRefused, match=sentence):
            await verify(url, ROOT, other[session])


async def test_readiness_notices_that_notifications_are_lost(
    pooled: str, settings: Settings, database: Database
) -> None:
    check = notification_check(replace(database, session_url=pooled), SystemClock())
    with pytest.raises(DatabaseUnavailable, match="A notification did not arrive"):
        await check()
    await notification_check(database, SystemClock())()
