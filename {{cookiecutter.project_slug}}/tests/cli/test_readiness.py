"""`app readiness` and `app plan` on the database of the tests."""

import json
from pathlib import Path

import psycopg
from typer.testing import CliRunner

from app.cli import app
from app.core.embedded import Urls
from app.core.errors import Invalid
from app.governance.domain.readiness.catalogue import CHECKS
from app.governance.domain.readiness.statements import NotAttested
from tests.cli.test_costs_and_version import run

__all__ = ["run"]


def test_readiness_at_the_command_line(run: CliRunner, tmp_path: Path) -> None:
    table = run.invoke(app, ["readiness"])
    assert table.exit_code == 1, "a required check is red"
    assert [check.id for check in CHECKS if check.id not in table.stdout] == []
    drill = tmp_path / "drill.txt"
    drill.write_text("restored 12 rows")
    assert run.invoke(app, ["readiness", "record", "restore_drill", str(drill), "--detail", "12 rows"]).exit_code == 0
    attested = run.invoke(app, ["readiness", "attest", "governance.risk_classified", "--reason", "we went through it"])
    assert attested.exit_code == 0, attested.output
    waived = run.invoke(
        app, ["readiness", "waive", "rollback.backup", "--owner", "bob", "--reason", "the storage is moved"]
    )
    assert "rollback.backup by bob lasts until" in waived.stdout
    status = statuses(run)
    assert status["rollback.restore_drill"] == status["governance.risk_classified"] == "green"
    assert status["rollback.backup"] == "amber"
    ended = run.invoke(
        app, ["readiness", "withdraw", "rollback.backup", "--kind", "waiver", "--reason", "it was moved"]
    )
    assert ended.exit_code == 0
    assert statuses(run)["rollback.backup"] == "red"
    page = run.invoke(app, ["readiness", "--format", "html"]).stdout
    assert "<h1>" in page
    assert "rollback.backup" in page


def statuses(run: CliRunner) -> dict[str, str]:
    report = json.loads(run.invoke(app, ["readiness", "--format", "json"]).stdout)
    return {check["id"]: check["status"] for question in report["questions"] for check in question["checks"]}


def test_what_records_itself_cannot_be_recorded(run: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "result").write_text("whole")
    refused = run.invoke(app, ["readiness", "record", "backup", str(tmp_path / "result")])
    assert isinstance(refused.exception, Invalid)


def test_the_plan_is_written_and_the_next_one_says_what_moved(
    run: CliRunner, tmp_path: Path, database_urls: Urls
) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("set session_replication_role = replica")  # plans are kept for good
        connection.execute("delete from readiness_plans")
    first, second, load = (tmp_path / name for name in ("first.md", "second.md", "load.json"))
    assert run.invoke(app, ["plan", "--out", str(first)]).exit_code == 0
    load.write_text("{}")
    run.invoke(app, ["readiness", "record", "load_test", str(load)])
    assert run.invoke(app, ["plan", "--out", str(second)]).exit_code == 0
    assert "Since the plan" not in first.read_text(encoding="utf-8")
    assert "- `latency.load_test`: red → green" in second.read_text(encoding="utf-8")


def test_a_plan_that_cannot_be_written_is_not_compared_with(
    run: CliRunner, tmp_path: Path, database_urls: Urls
) -> None:
    def stored() -> int:
        with psycopg.connect(database_urls.owner) as connection:
            return connection.execute("select count(*) from readiness_plans").fetchall()[0][0]

    before = stored()
    assert run.invoke(app, ["plan", "--out", str(tmp_path / "plan.md")]).exit_code == 0
    assert stored() == before + 1
    refused = run.invoke(app, ["plan", "--out", str(tmp_path / "no folder" / "plan.md")])
    assert isinstance(refused.exception, Invalid)
    assert run.invoke(app, ["plan", "--no-keep", "--out", str(tmp_path / "other.md")]).exit_code == 0
    assert stored() == before + 1


def test_an_attestation_of_what_is_answered_from_evidence_is_refused(run: CliRunner) -> None:
    refused = run.invoke(app, ["readiness", "attest", "rollback.backup", "--reason", "we went through it"])
    assert isinstance(refused.exception, NotAttested)
