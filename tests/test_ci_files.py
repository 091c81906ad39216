"""The CI files that a generated service gets run its own checks, and are clean themselves."""

import re
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import yaml

from tests.baking import TEMPLATE, run

WORKFLOW = TEMPLATE / ".github" / "workflows" / "ci.yml"
GITLAB = TEMPLATE / ".gitlab-ci.yml"
CHECKS = {"make style", "make types", "make imports", "make schema", "make test", "make audit"}


def tool(name: str) -> str:
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    assert found, f"{name} is not installed"
    return found


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def targets() -> set[str]:
    text = (TEMPLATE / "Makefile").read_text(encoding="utf-8")
    return {f"make {name}" for name in re.findall(r"^([a-z-]+):", text, re.MULTILINE)}


def test_the_workflow_passes_actionlint() -> None:
    done = run([tool("actionlint"), "-no-color", str(WORKFLOW)], TEMPLATE)
    assert done.returncode == 0, done.stdout


def test_the_workflow_passes_zizmor() -> None:
    done = run([tool("zizmor"), "--offline", "--persona=pedantic", "--no-progress", str(WORKFLOW)], TEMPLATE)
    assert done.returncode == 0, done.stdout


def test_the_workflow_runs_every_check() -> None:
    steps = [step for job in load(WORKFLOW)["jobs"].values() for step in job["steps"]]
    assert {step["run"] for step in steps if "run" in step} == CHECKS <= targets()


def test_every_action_is_pinned_to_a_commit_and_no_job_may_write() -> None:
    workflow = load(WORKFLOW)
    used = re.findall(r"uses: (\S+)", WORKFLOW.read_text(encoding="utf-8"))
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)
    assert workflow["permissions"] == {}
    assert all(job["permissions"] == {"contents": "read"} for job in workflow["jobs"].values())


def test_the_gitlab_file_runs_every_check_in_a_declared_stage() -> None:
    pipeline = load(GITLAB)
    jobs = {name: job for name, job in pipeline.items() if name not in ("workflow", "stages", "default")}
    assert {line for job in jobs.values() for line in job["script"]} == CHECKS
    for name, job in jobs.items():
        assert set(job) <= {"stage", "script", "image", "parallel"}, name
        assert job["stage"] in pipeline["stages"], name
    assert re.fullmatch(r"python:3\.\d+-\w+", pipeline["default"]["image"])
