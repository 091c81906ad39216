"""Patterns of failures at the command line: shown, proposed as cases, accepted."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.core.embedded import Urls
from app.core.reasons import ReasonRequired
from app.monitoring.domain.failures.case_candidate import ExpectationUnusable
from app.settings import Settings
from app.wiring import build
from tests.cli.test_costs_and_version import run
from tests.conftest import TESTED
from tests.monitoring.traffic import Traffic

__all__ = ["run"]

QUESTIONS = [f"How do I book the {what} room?" for what in ("red", "blue", "green", "big", "small")]


def fail(urls: Urls, settings: Settings, name: str) -> None:
    async def go() -> None:
        async with build(settings, urls) as state:
            traffic = Traffic(state, await state.identity.ensure_tenant(name), state.clock)
            for question in QUESTIONS:
                await traffic.refuse(question, ago=timedelta(minutes=5))

    asyncio.run(go())


def test_from_the_failure_to_the_case(
    run: CliRunner, database_urls: Urls, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("policies", "prompts", "migrations", "evals"):
        shutil.copytree(TESTED / part, tmp_path / part)
    monkeypatch.setenv("APP_ROOT", str(tmp_path))
    name = f"desk-{uuid4()}"
    fail(database_urls, settings, name)

    def call(*arguments: str) -> str:
        done = run.invoke(app, ["monitoring", "failures", *arguments, "--tenant", name])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    assert "Nobody looked yet" in call()
    shown = call("--now")
    assert "off_topic (answerability)" in shown
    assert "documents" in shown
    assert any(question in shown for question in QUESTIONS)
    pattern = shown.split("│")[1].strip()
    with pytest.raises(ReasonRequired):
        call("cases", pattern, "--reason", "x")
    assert "Nothing is proposed" in call("candidates")
    proposed = call("cases", pattern, "--reason", "they ask for it", "--count", "1")
    answer = proposed.split("│")[1].strip()
    assert answer in call("candidates")
    with pytest.raises(ExpectationUnusable):
        call("accept", answer)
    assert "stands in evals/golden.jsonl" in call("accept", answer, "--answer", "At the front desk.")
    assert "At the front desk." in (tmp_path / "evals" / "golden.jsonl").read_text()
    assert "Nothing is proposed" in call("candidates")
