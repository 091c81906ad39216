"""Drift at the command line: nothing to compare with, a week that is pinned, and what is refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.core.embedded import Urls
from app.core.reasons import ReasonRequired
from app.monitoring.domain.drift.drift_policy import DriftPolicy
from app.monitoring.service.drift_analysis import NotEnoughTraffic
from app.settings import Settings
from app.wiring import build
from tests.cli.test_costs_and_version import run
from tests.monitoring.stored import PastAnswer, store

__all__ = ["run"]


def create(urls: Urls, settings: Settings, name: str) -> UUID:
    async def go() -> UUID:
        async with build(settings, urls) as state:
            return await state.identity.ensure_tenant(name)

    return asyncio.run(go())


def test_from_no_reference_to_a_pinned_week(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    name = f"desk-{uuid4()}"
    tenant = create(database_urls, settings, name)

    def call(*arguments: str) -> str:
        done = run.invoke(app, ["monitoring", "drift", *arguments, "--tenant", name])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    assert "no healthy week yet" in call("--now")
    for reason in ("", "!!!"):
        with pytest.raises(ReasonRequired):
            call("--pin", "--reason", reason)
    with pytest.raises(NotEnoughTraffic, match="There are 0 answers"):
        call("--pin", "--reason", "the new product is out")
    now = datetime.now(UTC)
    count = DriftPolicy().min_reference
    store(database_urls, [PastAnswer(tenant, now - timedelta(hours=1, minutes=n)) for n in range(count)])
    pinned = call("--pin", "--reason", "the new product is out")
    assert f"Compared with {now - timedelta(days=7):%Y-%m-%d}" in pinned
    assert "Too few answers came since then" in pinned
    assert "Too few answers came since then" in call("--now")
