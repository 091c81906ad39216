"""Readiness names each thing that the built service cannot do without, and goes down for each of them alone."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from app.core.embedded import Urls
from app.main import create_app
from app.settings import Settings
from app.wiring import State, build
from tests.conftest import FreshDatabase, override

Break = Callable[[State, Urls], Awaitable[None]]


def run(urls: Urls, statement: str) -> None:
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        connection.execute(statement.encode())


async def close_the_pool(state: State, urls: Urls) -> None:
    await state.database.pool.close()


async def listen_elsewhere(state: State, urls: Urls) -> None:
    elsewhere = make_url(urls.service).set(database="postgres").render_as_string(hide_password=False)
    override(state.database, session_url=elsewhere)


async def make_read_only(state: State, urls: Urls) -> None:
    name = make_url(urls.owner).database
    run(urls, f'alter database "{name}" set default_transaction_read_only = on')


async def use_an_older_schema(state: State, urls: Urls) -> None:
    run(urls, "delete from alembic_version")


async def lose_the_embedder(state: State, urls: Urls) -> None:
    await state.retrieval.indexes.live()
    run(urls, "update indexes set embedder = 'somebody-else'")
    await state.retrieval.follow()


async def approve_nothing(state: State, urls: Urls) -> None:
    override(state.environments, self_approve_first=False)


async def restore_from_before_an_erasure(state: State, urls: Urls) -> None:
    state.privacy.tombstones.file.path.write_text("not a tombstone\n", encoding="utf-8")


BREAKS: dict[str, Break] = {
    "database": close_the_pool,
    "notifications": listen_elsewhere,
    "storage": make_read_only,
    "schema": use_an_older_schema,
    "index": lose_the_embedder,
    "release": approve_nothing,
    "erasures": restore_from_before_an_erasure,
}


async def checks(state: State) -> tuple[int, dict[str, str]]:
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        ready = await client.get("/health/ready")
    return ready.status_code, ready.json()["checks"]


async def test_every_check_has_a_way_to_fail_here_and_all_are_well_at_first(state: State) -> None:
    assert await checks(state) == (200, dict.fromkeys(BREAKS, "ok"))


@pytest.mark.parametrize("name", BREAKS)
async def test_readiness_goes_down_for(
    name: str, settings: Settings, fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    apart = settings.model_copy(update={"data_dir": tmp_path})
    with fresh_database() as urls:
        async with build(apart, urls) as state:
            await BREAKS[name](state, urls)
            status, found = await checks(state)
    assert status == 503
    assert found[name] != "ok"
