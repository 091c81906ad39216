import asyncio
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app import __version__
from app.cli import app
from app.core.embedded import Urls
from app.costs.domain import Usage
from app.settings import Settings
from app.wiring import build


@pytest.fixture
def run(database_urls: Urls, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DATABASE_URL", database_urls.service)
    monkeypatch.setenv("APP_ROOT", str(settings.root))
    monkeypatch.setenv("APP_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("COLUMNS", "120")
    return CliRunner()


async def _spend(urls: Urls, settings: Settings, name: str) -> str:
    async with build(settings, urls) as state:
        tenant = await state.identity.ensure_tenant(name)
        release = await state.releases.resolve()
        async with state.database.transaction(tenant) as connection:
            await state.costs.charge(
                connection, tenant, "answer", "extractive", Usage(1234, 0, 56), release_id=release.id
            )
        return release.short


def test_costs_are_shown_as_a_table(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    name = f"tenant-{uuid4()}"
    asyncio.run(_spend(database_urls, settings, name))
    result = run.invoke(app, ["costs", "--tenant", name])
    assert result.exit_code == 0
    for expected in ("feature answer", "model extractive", "1,234", "0.000000"):
        assert expected in result.output


def test_version_names_the_code_the_schema_and_the_live_release(
    run: CliRunner, database_urls: Urls, settings: Settings
) -> None:
    short = asyncio.run(_spend(database_urls, settings, f"tenant-{uuid4()}"))
    result = run.invoke(app, ["version"])
    assert result.exit_code == 0
    assert f"app {__version__}, code " in result.output
    assert f", {short}, of 20" in result.output
