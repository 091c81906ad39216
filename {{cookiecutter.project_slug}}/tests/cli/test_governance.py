"""Commands for approval and audit, on the database of the tests."""

import asyncio
import json
import secrets
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.cli.common import actor
from app.core.audit import Act, LogBroken, record
from app.core.embedded import Urls
from app.core.errors import Problem
from app.governance.domain.approval_rules import NoEvidence, SelfApproval
from app.releases.domain import EvaluationEvidence, Release
from app.settings import Settings
from app.wiring import State, build
from tests.cli.test_costs_and_version import run
from tests.governance.conftest import unlike_any_other

__all__ = ["run"]


def within(urls: Urls, settings: Settings, work: object) -> object:
    async def go() -> object:
        async with build(settings, urls) as state:
            return await work(state)  # type: ignore[operator]

    return asyncio.run(go())


def measured(urls: Urls, settings: Settings, author: str) -> Release:
    async def work(state: State) -> Release:
        release = await state.releases.create(author, changes=unlike_any_other())
        async with state.database.transaction(None) as connection:
            evidence = EvaluationEvidence(secrets.token_hex(32), "PASS")
            await state.releases.mark_evaluated(connection, release.id, "tests", evidence)
        return release

    return within(urls, settings, work)  # type: ignore[return-value]


def refused(result: Result) -> Problem:
    assert result.exit_code != 0
    assert isinstance(result.exception, Problem)
    return result.exception


def test_an_operator_approves_the_release_of_another_author(
    run: CliRunner, database_urls: Urls, settings: Settings
) -> None:
    release = measured(database_urls, settings, "somebody else")
    result = run.invoke(app, ["release", "approve", str(release.number), "--reason", "read the report"])
    assert result.exit_code == 0, result.exception
    assert f"Approved by {actor()} until 20" in result.output
    assert "app release activate" in result.output
    shown = run.invoke(app, ["release", "approvals", str(release.number)])
    assert actor() in shown.output
    assert "No approval is missing" in shown.output


def test_nobody_approves_their_own_release_at_the_command_line(
    run: CliRunner, database_urls: Urls, settings: Settings
) -> None:
    release = measured(database_urls, settings, actor())
    result = run.invoke(app, ["release", "approve", release.id, "--reason", "trust me"])
    assert isinstance(refused(result), SelfApproval)


def test_another_user_name_in_the_environment_does_not_change_the_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    before = actor()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody else")
    assert actor() == before


def test_a_release_is_rejected_at_the_command_line(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    release = measured(database_urls, settings, "somebody else")
    assert run.invoke(app, ["release", "reject", release.id, "--reason", "wrong about pay"]).exit_code == 0
    result = run.invoke(app, ["release", "approve", release.id, "--reason", "fine"])
    assert not isinstance(refused(result), NoEvidence)


def test_a_whole_log_is_verified_and_exported_with_its_head(
    run: CliRunner, database_urls: Urls, settings: Settings, tmp_path: Path
) -> None:
    measured(database_urls, settings, "somebody else")
    file = tmp_path / "audit.jsonl"
    assert run.invoke(app, ["audit", "export", str(file)]).exit_code == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[-1]["head"] == {"sequence": lines[-2]["sequence"], "hash": lines[-2]["hash"]}
    assert [line["sequence"] for line in lines[:-1]] == list(range(1, len(lines)))
    result = run.invoke(app, ["audit", "verify", "--head", str(file)])
    assert result.exit_code == 0, result.exception
    assert "lines are as they were written" in result.output
    listed = run.invoke(app, ["audit", "list", "--limit", "1"])
    assert "audit.verify" in listed.output


def test_a_cut_tail_is_named_with_an_exit_status(
    run: CliRunner, database_urls: Urls, settings: Settings, tmp_path: Path
) -> None:
    async def work(state: State) -> int:
        async with state.database.transaction(None) as connection:
            return await record(connection, Act("ana", "test.act", "thing"), state.clock.now())

    last = within(database_urls, settings, work)
    file = tmp_path / "audit.jsonl"
    assert run.invoke(app, ["audit", "export", str(file)]).exit_code == 0
    with psycopg.connect(database_urls.owner) as owner:
        owner.execute("alter table audit_log disable trigger audit_log_frozen")
        owner.execute("delete from audit_log where sequence = %s", (last,))
        owner.execute("alter table audit_log enable trigger audit_log_frozen")
    assert run.invoke(app, ["audit", "verify"]).exit_code == 0
    problem = refused(run.invoke(app, ["audit", "verify", "--head", str(file)]))
    assert isinstance(problem, LogBroken)
    assert problem.detail.startswith(f"Line {last} ")


@pytest.mark.parametrize("content", ["", "nonsense", '{"head": null}', "[1, 2]"])
def test_an_export_without_a_head_is_refused_with_a_sentence(run: CliRunner, tmp_path: Path, content: str) -> None:
    file = tmp_path / "head.json"
    file.write_text(content)
    assert "audit export" in str(refused(run.invoke(app, ["audit", "verify", "--head", str(file)])).what_to_do)


@pytest.mark.parametrize(("style", "begins"), [("md", "# Model card"), ("json", "{"), ("html", "<!doctype html>")])
def test_the_card_in_each_format(run: CliRunner, tmp_path: Path, style: str, begins: str) -> None:
    file = tmp_path / "card"
    assert run.invoke(app, ["governance", "card", "--format", style, "--out", str(file)]).exit_code == 0
    assert file.read_text(encoding="utf-8").startswith(begins)


def test_the_risk_register_is_shown_as_a_table(run: CliRunner) -> None:
    result = run.invoke(app, ["governance", "show"])
    assert result.exit_code == 0, result.exception
    assert "checked by the build" in " ".join(result.output.split()) or "checked by" in result.output


def test_an_emergency_is_reviewed_at_the_command_line(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    async def work(state: State) -> str:
        await state.environments.resolve()
        release = await state.releases.create("ana", changes=unlike_any_other())
        await state.rollouts.activate("ana", release.id, "on fire", break_glass=True)
        await state.rollouts.rollback("ana", "the fire is out")
        found = await state.approvals.emergencies()
        return str(next(each.approval.id for each in found if each.approval.release_id == release.id))

    approval = str(within(database_urls, settings, work))
    assert run.invoke(app, ["governance", "review-break-glass", approval, "--reason", "right"]).exit_code == 0
    again = run.invoke(app, ["governance", "review-break-glass", approval, "--reason", "right"])
    assert refused(again).code == "reviewed_already"
