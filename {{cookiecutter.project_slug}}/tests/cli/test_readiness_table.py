"""What readiness shows at the command line, and what it refuses before anything is opened."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.cli import readiness as command
from app.core.errors import Invalid
from app.core.operations import OPERATIONS
from app.governance.domain.readiness.readiness_policy import ReadinessPolicy
from app.governance.domain.readiness.report import ReadinessReport, make_report
from app.governance.domain.readiness.vocabulary import CheckEvidence
from tests.governance.domain.test_report import OWNERSHIP

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)


def report(status: str, found: str = "") -> ReadinessReport:
    made = make_report({}, ReadinessPolicy(owner="desk", optional=("cost.budget",)), OWNERSHIP, {}, NOW)
    evidence = CheckEvidence(status, found, "here", 1)  # type: ignore[arg-type]
    return replace(made, results=tuple(replace(each, evidence=evidence) for each in made.results))


def test_markup_in_what_was_found_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    command._print_table(report("red", "[bold]none[/] [/nothing]"), red_only=False)
    shown = capsys.readouterr().out
    assert "cost.ledger: [bold]none[/] [/nothing]" in shown
    assert "cost.budget (not required): [bold]none[/]" in shown
    assert "desk: " in shown


def test_only_what_is_not_green_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    green = report("green", "done")
    mixed = replace(green, results=(*green.results[1:], report("amber", "soon").results[0]))
    command._print_table(mixed, red_only=True)
    shown = capsys.readouterr().out
    assert (shown.count("done"), shown.count("soon")) == (0, 1)
    assert f"{len(green.results) - 1} green, 1 amber, 0 red. No required check is red." in shown


@pytest.mark.parametrize("kind", [kind for kind in OPERATIONS if kind in ("backup", "retention")])
def test_a_run_that_records_itself_is_refused_with_what_can_be_recorded(kind: str, tmp_path: Path) -> None:
    (tmp_path / "result").write_text("whole")
    refused = CliRunner().invoke(app, ["readiness", "record", kind, str(tmp_path / "result")])
    assert isinstance(refused.exception, Invalid)
    assert refused.exception.detail == f"A run of '{kind}' records itself."
    assert "restore_drill" in str(refused.exception.what_to_do)


def test_a_result_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MAX_RESULT_BYTES", 3)
    (tmp_path / "result").write_text("four")
    refused = CliRunner().invoke(app, ["readiness", "record", "load_test", str(tmp_path / "result")])
    assert isinstance(refused.exception, Invalid)
    assert refused.exception.detail.endswith("result is larger than 3 bytes.")


@pytest.mark.parametrize(
    "words",
    [
        ["record", "nothing", "."],
        ["record", "load_test", "no-such-file"],
        ["record", "load_test", "."],
        ["waive", "rollback.backup", "--reason", "the storage is moved"],
        ["attest", "business.outcome_agreed"],
        ["withdraw", "rollback.backup", "--reason", "no", "--kind", "promise"],
        ["attest", "business.outcome_agreed", "--reason", "we agreed", "--expires", "tomorrow"],
        ["--format", "xml"],
    ],
)
def test_a_command_that_is_not_whole_opens_nothing(words: list[str]) -> None:
    refused = CliRunner().invoke(app, ["readiness", *words])
    assert refused.exit_code == 2
