"""A generated service follows its template: cruft brings the template's changes and keeps the team's own."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.baking import REPOSITORY, run

FOLDER = "{{cookiecutter.project_slug}}"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name, value in (
        ("user.name", "Ada"),
        ("user.email", "ada@example.com"),
        ("init.defaultBranch", "main"),
    ):
        git(tmp_path, "config", "--global", name, value)
    return tmp_path


@pytest.fixture
def template(home: Path) -> Path:
    """The template as a repository of its own, so that it can move on."""
    copy = home / "template"
    copy.mkdir()
    shutil.copy(REPOSITORY / "cookiecutter.json", copy)
    shutil.copytree(REPOSITORY / "hooks", copy / "hooks")
    unwanted = shutil.ignore_patterns("__pycache__", ".venv", ".data", ".*_cache")
    shutil.copytree(REPOSITORY / FOLDER, copy / FOLDER, ignore=unwanted)
    git(copy, "init", "--quiet")
    commit(copy, "first")
    return copy


def git(folder: Path, *words: str) -> str:
    done = run(["git", *words], folder)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def cruft(folder: Path, *words: str) -> str:
    done = run([sys.executable, "-m", "cruft", *words], folder)
    assert done.returncode == 0, done.stdout
    return done.stdout


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def append(path: Path, line: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")


def test_an_update_brings_the_templates_changes_and_keeps_the_teams(home: Path, template: Path) -> None:
    answers = json.dumps({"project_name": 'L\'Équipe "Savoir"', "monthly_budget_usd": "300"})
    cruft(home, "create", str(template), "--no-input", "--extra-context", answers)
    project = home / "l-equipe-savoir"
    commit(project, "keep the link to the template")
    cruft(project, "check")

    # The team's own edits, beside and inside files that the template owns.
    edit(project / "policies" / "cost.yaml", "monthly_budget_usd: 300", "monthly_budget_usd: 450")
    append(project / "app" / "inference" / "__init__.py", "# ours")
    (project / "app" / "inference" / "house_style.py").write_text("GREETING = 'Bonjour'\n", encoding="utf-8")
    commit(project, "ours")

    # The template moves on, in code and in a rendered policy.
    append(template / FOLDER / "app" / "worker.py", "# theirs")
    edit(template / FOLDER / "policies" / "slo.yaml", "answer_p95_ms:", "# theirs\nanswer_p95_ms:")
    (template / FOLDER / "app" / "core" / "new_piece.py").write_text("NEW = True\n", encoding="utf-8")
    commit(template, "second")
    assert run([sys.executable, "-m", "cruft", "check"], project).returncode == 1

    said = cruft(project, "update", "--skip-apply-ask")
    commit(project, "update from the template")

    assert not list(project.rglob("*.rej")), said
    assert (project / "app" / "worker.py").read_text(encoding="utf-8").endswith("# theirs\n")
    assert (project / "app" / "core" / "new_piece.py").exists()
    assert "# theirs\n" in (project / "policies" / "slo.yaml").read_text(encoding="utf-8")
    assert "monthly_budget_usd: 450" in (project / "policies" / "cost.yaml").read_text(encoding="utf-8")
    assert (project / "app" / "inference" / "__init__.py").read_text(encoding="utf-8").endswith("# ours\n")
    assert (project / "app" / "inference" / "house_style.py").exists()
    assert "Équipe" in (project / "policies" / "ownership.yaml").read_text(encoding="utf-8")
    cruft(project, "check")
