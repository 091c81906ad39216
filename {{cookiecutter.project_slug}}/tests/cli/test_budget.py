import asyncio
from uuid import uuid4

from typer.testing import CliRunner

from app.cli import app
from app.core.embedded import Urls
from app.settings import Settings
from app.wiring import build
from tests.cli.test_costs_and_version import run

__all__ = ["run"]


async def _spend(urls: Urls, settings: Settings, names: dict[str, int]) -> None:
    """Reserve this many micro-dollars of each tenant's daily budget of 10,000."""
    async with build(settings, urls) as state:
        for name, amount in names.items():
            tenant = await state.identity.ensure_tenant(name)
            await state.costs.budgets.set("tests", tenant, "day", 10_000, "a test")
            await state.costs.reservations.hold(tenant, amount, seconds=3600)


def test_tenants_near_their_limit_are_listed(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    used_up, near, far = (f"{kind}-{uuid4().hex[:6]}" for kind in ("all", "most", "little"))
    asyncio.run(_spend(database_urls, settings, {used_up: 10_000, near: 8_500, far: 100}))
    lines = {
        line.split()[1]: line for line in run.invoke(app, ["budget", "near"]).output.splitlines() if "per day" in line
    }
    assert "used up" in lines[used_up]
    assert "near its limit" in lines[near]
    assert far not in lines
    shown = run.invoke(app, ["budget", "show", "--tenant", near]).output
    assert "near its limit" in next(line for line in shown.splitlines() if "tenant per day" in line)


def test_a_limit_set_by_the_tenant_is_marked(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    name = f"own-{uuid4().hex[:6]}"

    async def lower() -> None:
        async with build(settings, database_urls) as state:
            tenant = await state.identity.ensure_tenant(name)
            await state.costs.budgets.set("tests", tenant, "day", 10_000, "a test")
            await state.costs.budgets.set_own("admin", tenant, "day", 2_000, "a test")

    asyncio.run(lower())
    shown = " ".join(run.invoke(app, ["budget", "show", "--tenant", name]).output.split())
    assert "0.002000" in shown
    assert shown.count("its own limit") == 1
    assert "0.010000" in shown
