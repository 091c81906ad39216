"""`app monitoring write` makes rules and dashboards from the policy, and says which are stale."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.monitoring import app
from tests.conftest import TESTED


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("policies", "prompts", "evals", "monitoring", "deploy"):
        shutil.copytree(TESTED / name, tmp_path / name)
    monkeypatch.setenv("APP_ROOT", str(tmp_path))
    return tmp_path


def write(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["write", *arguments])


def test_files_that_follow_the_policy_are_left_alone(folder: Path) -> None:
    assert write("--check").exit_code == 0
    assert "19 files, 0 of them changed" in write().output


def test_another_objective_makes_other_rules(folder: Path) -> None:
    policy = folder / "policies" / "slo.yaml"
    policy.write_text(policy.read_text().replace("available: 0.995", "available: 0.99"))
    (folder / "monitoring" / "rules" / "older.yaml").write_text("groups: []\n")
    stale = write("--check")
    assert stale.exit_code == 1
    assert "monitoring/rules/available.yaml" in stale.output
    assert "monitoring/rules/older.yaml" in stale.output
    assert write().exit_code == 0
    assert "> 0.144" in (folder / "monitoring" / "rules" / "available.yaml").read_text()
    assert "> 0.144" in (folder / "deploy" / "helm" / "files" / "rules.yml").read_text()
    assert not (folder / "monitoring" / "rules" / "older.yaml").exists()
    assert write("--check").exit_code == 0


def test_an_objective_that_nothing_could_miss_is_refused(folder: Path) -> None:
    policy = folder / "policies" / "slo.yaml"
    policy.write_text(policy.read_text().replace("available: 0.995", "available: 1"))
    refused = write()
    assert refused.exit_code
    assert "available" in str(refused.exception or refused.output)


def test_every_alert_is_listed_with_the_page_that_helps(folder: Path) -> None:
    listed = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["alerts"]).output
    assert "AvailableBudgetBurns14Point4Times" in listed
    assert "docs/runbooks/budget-used-up.md" in listed
