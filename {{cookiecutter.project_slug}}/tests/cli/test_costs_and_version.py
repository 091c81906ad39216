import asyncio
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app import __version__
from app.cli import app
from app.core.embedded import Urls
from app.costs.domain import ModelPrice, PriceTable, Tier, UnitPrices, Usage
from app.costs.domain.budgets import Settlement
from app.settings import Settings
from app.wiring import build
from tests.cli.in_process import commands_in_this_process
from tests.costs.ledger import charged

DOLLAR = UnitPrices(Decimal(1), Decimal(1), Decimal(1))
PRICED = PriceTable([ModelPrice("m", "somewhere", "policy", (Tier(0, DOLLAR),))])


@pytest.fixture
def run(database_urls: Urls, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    with commands_in_this_process(database_urls, settings, monkeypatch, COLUMNS="120"):
        yield CliRunner()


async def _spend(urls: Urls, settings: Settings, name: str) -> str:
    async with build(settings, urls) as state:
        tenant = await state.identity.ensure_tenant(name)
        release = await state.environments.resolve()
        async with state.database.transaction(tenant) as connection:
            await charged(
                state.costs, connection, tenant, "answer", "extractive", Usage(1234, 0, 56), release_id=release.id
            )
        return release.short


def test_costs_are_shown_as_a_table(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    name = f"tenant-{uuid4()}"
    asyncio.run(_spend(database_urls, settings, name))
    result = run.invoke(app, ["costs", "--tenant", name])
    assert result.exit_code == 0
    for expected in ("feature answer", "model extractive", "1,234", "0.000000", "may cost"):
        assert expected in result.output


def test_costs_are_shown_tenant_by_tenant(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    async def pay() -> str:
        async with build(settings, database_urls) as state:
            tenant = await state.identity.ensure_tenant(name := f"payer-{uuid4().hex[:6]}")
            hold = await state.costs.reservations.hold(tenant, 1000)
            assert hold
            row = state.costs.row(tenant, "answer", "m", Usage(1000), table=PRICED)
            async with state.database.transaction(tenant) as connection:
                await state.costs.record(connection, [row])
                await state.costs.reservations.settle(connection, Settlement((hold,), row.charge.micro_usd))
            return name

    name = asyncio.run(pay())
    (line,) = [line for line in run.invoke(app, ["costs", "--by-tenant"]).output.splitlines() if name in line]
    assert "1,000" in line
    assert "0.001000" in line


def test_version_names_the_code_the_template_the_schema_and_the_live_release(
    run: CliRunner, database_urls: Urls, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short = asyncio.run(_spend(database_urls, settings, f"tenant-{uuid4()}"))
    for name in ("policies", "prompts", "migrations", "evals"):
        shutil.copytree(settings.root / name, tmp_path / name)
    (tmp_path / ".template.json").write_text('{"version": "7.8.9"}', encoding="utf-8")
    monkeypatch.setenv("APP_ROOT", str(tmp_path))
    result = run.invoke(app, ["version"])
    assert result.exit_code == 0
    assert "\ntemplate 7.8.9\n" in result.output
    assert f"app {__version__}, code " in result.output
    assert f", {short}, of 20" in result.output


def test_config_check_refuses_a_model_without_a_price(run: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_MODEL_CHAIN", '[{"model": "nobody-priced-it", "base_url": "http://127.0.0.1:9/v1"}]')
    result = run.invoke(app, ["config", "check"])
    assert result.exit_code == 1
    assert "nobody-priced-it" in str(result.exception)
    assert "policies/cost.yaml" in str(result.exception)
