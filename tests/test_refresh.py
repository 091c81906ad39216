"""Newer packages come as a change of their own, which says what changed and whether the tests passed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import refresh
from scripts.ledger import git
from tests.baking import REPOSITORY, run
from tests.test_ci_files import tool

WORKFLOW = REPOSITORY / ".github" / "workflows" / "refresh.yml"
GITLAB = REPOSITORY / ".gitlab-ci.yml"
OLD = "aiohttp==3.1.0 \\\n    --hash=sha256:00\nnumpy==1.0 ; python_version < '3' \\\nnumpy==2.0 \\\nuvloop==0.9 \\\n"
NEW = "aiohttp==3.2.0 \\\n    --hash=sha256:01\nnumpy==1.0 ; python_version < '3' \\\nnumpy==2.1 \\\norjson==4.0 \\\n"
TABLE = """\
Refresh the locks: 4 packages changed

| package | from | to | locks |
|---|---|---|---|
| aiohttp | 3.1.0 | 3.2.0 | service dev, service run |
| numpy | 1.0, 2.0 | 1.0, 2.1 | service dev |
| orjson | none | 4.0 | service dev |
| uvloop | 0.9 | none | service dev |
"""


def test_the_summary_has_a_row_for_each_change_with_the_locks_that_it_is_in() -> None:
    small, newer = "aiohttp==3.1.0 \\\n", "aiohttp==3.2.0 \\\n"
    before = {"service dev": refresh.pins(OLD), "service run": refresh.pins(small)}
    after = {"service dev": refresh.pins(NEW), "service run": refresh.pins(newer)}
    assert refresh.summary(before, after) == TABLE
    assert refresh.summary(after, after) == "Refresh the locks: nothing changed\n"


def test_the_locks_of_template_and_service_are_read_whole() -> None:
    found = refresh.locks()
    assert {"template run", "template dev", "service run", "service dev", "service uv"} <= set(found)
    text = (REPOSITORY / "requirements" / "run.lock").read_text(encoding="utf-8")
    assert len(found["template run"]) == len({line.split("==")[0] for line in text.splitlines() if "==" in line[:60]})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A template whose locks have newer versions, and whose tests pass where the file `good` is."""
    service = tmp_path / "service"
    for folder in (tmp_path, service):
        (folder / "requirements").mkdir(parents=True)
        (folder / "requirements" / "run.lock").write_text("aiohttp==3.1.0 \\\n", encoding="utf-8")
    (service / "scripts").mkdir()
    (service / "scripts" / "lock.py").write_text(
        "import pathlib, sys\n"
        "assert sys.argv[3] == '--upgrade'\n"
        "(pathlib.Path(sys.argv[2]) / 'requirements' / 'run.lock').write_text('aiohttp==3.2.0 \\\\\\n')\n",
        encoding="utf-8",
    )
    (tmp_path / "Makefile").write_text("test:\n\t@test -f good\n", encoding="utf-8")
    monkeypatch.setattr(refresh, "REPOSITORY", tmp_path)
    monkeypatch.setattr(refresh, "SERVICE", service)
    monkeypatch.setattr(refresh, "SUMMARY", tmp_path / "build" / "refresh.md")
    return tmp_path


@pytest.mark.parametrize(("good", "status", "said"), [(True, 0, "All tests passed."), (False, 1, "Tests failed:")])
def test_a_refresh_writes_locks_runs_the_tests_and_says_how_they_ended(
    project: Path, good: bool, status: int, said: str
) -> None:
    if good:
        (project / "good").touch()
    assert refresh.main() == status
    text = (project / "build" / "refresh.md").read_text(encoding="utf-8")
    assert text.startswith("Refresh the locks: 1 package changed\n\n| package |")
    assert "| aiohttp | 3.1.0 | 3.2.0 | template run, service run |" in text
    assert said in text


def test_a_refresh_without_news_runs_no_test(project: Path) -> None:
    (project / "good").touch()
    assert refresh.main() == 0
    (project / "good").unlink()
    assert refresh.main() == 0


@pytest.mark.parametrize("command", [["actionlint", "-no-color"], ["zizmor", "--offline", "--persona=pedantic"]])
def test_the_workflow_passes_its_linters(command: list[str]) -> None:
    done = run([tool(command[0]), *command[1:], str(WORKFLOW)], REPOSITORY)
    assert done.returncode == 0, done.stdout


def steps() -> dict[str, list[str]]:
    """The commands of both services' scheduled jobs."""
    hub: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    lab: dict[str, Any] = yaml.safe_load(GITLAB.read_text(encoding="utf-8"))
    (job,) = hub["jobs"].values()
    lines = [line for step in job["steps"] for line in step.get("run", "").splitlines()]
    return {"GitHub": lines, "GitLab": lab["refresh"]["script"]}


@pytest.mark.parametrize("service", ["GitHub", "GitLab"])
def test_the_scheduled_job_refreshes_and_opens_a_change_with_the_summary(service: str, tmp_path: Path) -> None:
    commands = steps()[service]
    assert any(line.startswith("make refresh") for line in commands)
    assert "git commit --quiet --file build/refresh.md" in commands
    (add,) = [line for line in commands if line.startswith("git add")]
    for name in ("requirements/run.lock", "{{cookiecutter.project_slug}}/requirements/dev.lock", "build/refresh.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    git(tmp_path, "init", "--quiet")
    assert run(["sh", "-c", add], tmp_path).returncode == 0
    assert git(tmp_path, "diff", "--cached", "--name-only", "--no-renames").splitlines() == [
        "requirements/run.lock",
        "{{cookiecutter.project_slug}}/requirements/dev.lock",
    ]


def test_the_jobs_run_on_a_schedule() -> None:
    assert re.search(r"schedule:\n    - cron:", WORKFLOW.read_text(encoding="utf-8"))
    lab = yaml.safe_load(GITLAB.read_text(encoding="utf-8"))
    assert lab["refresh"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    assert lab["everything"]["script"] == [".ci/run"]
