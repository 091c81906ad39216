"""The CI files that a generated service gets run its own checks, and are clean themselves."""

import re
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import TEMPLATE, run

WORKFLOW = TEMPLATE / ".github" / "workflows" / "ci.yml"
EVALUATION = TEMPLATE / ".github" / "workflows" / "evaluate.yml"
WORKFLOWS = (WORKFLOW, EVALUATION)
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


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_passes_actionlint(workflow: Path) -> None:
    done = run([tool("actionlint"), "-no-color", str(workflow)], TEMPLATE)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_passes_zizmor(workflow: Path) -> None:
    done = run([tool("zizmor"), "--offline", "--persona=pedantic", "--no-progress", str(workflow)], TEMPLATE)
    assert done.returncode == 0, done.stdout


def test_the_workflow_runs_every_check() -> None:
    steps = [step for job in load(WORKFLOW)["jobs"].values() for step in job["steps"]]
    assert {step["run"] for step in steps if "run" in step} == CHECKS <= targets()


def test_what_can_change_an_answer_is_evaluated_and_the_verdict_stops_it() -> None:
    (job,) = load(EVALUATION)["jobs"].values()
    (measured,) = [step for step in job["steps"] if step.get("run") == "make evaluate"]
    assert "make evaluate" in targets()
    assert not {"if", "continue-on-error"} & measured.keys()
    assert "continue-on-error" not in job
    assert {step.get("with", {}).get("path") for step in job["steps"]} >= {"evaluation/"}
    gitlab = load(GITLAB)["evaluation"]
    assert gitlab["script"] == ["make evaluate"]
    assert "allow_failure" not in gitlab
    assert gitlab["artifacts"] == {"when": "always", "paths": ["evaluation"], "expire_in": "90 days"}
    # PyYAML reads the key `on` as true.
    watched = [trigger["paths"] for trigger in load(EVALUATION)[True].values()]  # type: ignore[index]
    watched += [[path.removesuffix("/*") for path in rule["changes"]] for rule in gitlab["rules"]]
    for paths in watched:
        assert {"app/**", "docs/**", "evals/**", "policies/**", "prompts/**", "requirements*"} <= set(paths)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit_and_no_job_may_write(path: Path) -> None:
    workflow = load(path)
    used = re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)
    assert workflow["permissions"] == {}
    assert all(job["permissions"] == {"contents": "read"} for job in workflow["jobs"].values())


def test_the_gitlab_file_runs_every_check_in_a_declared_stage() -> None:
    pipeline = load(GITLAB)
    jobs = {name: job for name, job in pipeline.items() if name not in ("workflow", "stages", "default")}
    assert {line for job in jobs.values() for line in job["script"]} == CHECKS | {"make evaluate"}
    for name, job in jobs.items():
        known = {"stage", "script", "image", "parallel"}
        assert set(job) <= known | ({"artifacts", "rules", "variables"} if name == "evaluation" else set()), name
        assert job["stage"] in pipeline["stages"], name
    assert re.fullmatch(r"python:3\.\d+-\w+", pipeline["default"]["image"])
