"""The evaluation of a change in CI: the working tree against a commit, with the same machine, cases and documents."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import TESTED
from tests.e2e.test_evaluation import environment, small_service

CODE = ("app", "scripts")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a small service and its code, which need not be compiled again."""
    house = small_service(tmp_path)
    for name in CODE:
        shutil.copytree(TESTED / name, house / name)
    (house / ".gitignore").write_text("__pycache__\n")
    git(house, "init", "--quiet")
    git(house, "add", "--all")
    git(house, "add", "--force", *(str(path) for path in of_any_time(house)))
    git(house, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "--message", "All")
    return house


def of_any_time(house: Path) -> Iterator[Path]:
    """The compiled files, valid for their sources instead of the time of those: a checkout need not compile."""
    for path in house.rglob(f"__pycache__/*.{sys.implementation.cache_tag}.pyc"):
        source = Path(importlib.util.source_from_cache(str(path)))
        if source.exists():
            by_hash = importlib.util.MAGIC_NUMBER + (0b11).to_bytes(4, "little")
            path.write_bytes(by_hash + importlib.util.source_hash(source.read_bytes()) + path.read_bytes()[16:])
            yield path


def git(folder: Path, *arguments: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *arguments], cwd=folder, env=kept, capture_output=True, text=True, check=True)
    return done.stdout


def measure(repository: Path, base: str) -> subprocess.CompletedProcess[str]:
    variables = environment(repository / "unused", BASE=base, APP_EMBEDDER="none", COLUMNS="160")
    variables |= {"APP_ROOT": "."}
    command = [sys.executable, "scripts/evaluate.py"]
    return subprocess.run(
        command, cwd=repository, env=variables, capture_output=True, text=True, timeout=500, check=False
    )


@pytest.mark.long
def test_a_change_of_code_that_breaks_answers_is_stopped_and_leaves_nothing_behind(repository: Path) -> None:
    grounds = repository / "app" / "inference" / "domain" / "grounding" / "answerability.py"
    broken = grounds.read_text().replace("words: float = 0.235", "words: float = 50").replace("= 0.6", "= 50")
    assert broken != grounds.read_text()
    grounds.write_text(broken)
    done = measure(repository, "HEAD")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Evaluating HEAD" in done.stdout
    assert "FAIL" in done.stdout
    assert (repository / "evaluation" / "report.md").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.long
def test_without_the_commit_floors_and_protected_cases_decide(repository: Path) -> None:
    done = measure(repository, "0" * 40)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "judging by floors and protected cases only" in done.stdout
