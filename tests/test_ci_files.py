"""The CI files that a generated service gets run its own checks, and are clean themselves."""

import json
import re
import shutil
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import TEMPLATE, bake, run

WORKFLOW = TEMPLATE / ".github" / "workflows" / "ci.yml"
EVALUATION = TEMPLATE / ".github" / "workflows" / "evaluate.yml"
WORKFLOWS = (WORKFLOW, EVALUATION)
GITLAB = TEMPLATE / ".gitlab-ci.yml"
CHECKS = {
    "make style",
    "make types",
    "make imports",
    "make schema",
    "make test-all",
    "make fuzz",
    "make audit",
    "make secrets",
    "make sbom",
    "make deploy-check",
}

MORE = {
    "evaluation": {"artifacts", "rules", "variables"},
    "secrets": {"variables"},
    "bill of materials": {"artifacts"},
}
"""The keys that only these jobs of GitLab need."""

RENOVATE = TEMPLATE / "renovate.json"
REPEATED = {"--universal", "--python-version", "--generate-hashes", "--constraints", "--output-file"}
"""The options with which Renovate repeats the command in the head of a lock; with another one it gives up."""


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
        assert {"app/**", "docs/**", "evals/**", "policies/**", "prompts/**", "requirements/**"} <= set(paths)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit_and_no_job_may_write_to_the_repository(path: Path) -> None:
    workflow = load(path)
    used = re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        signs = {"id-token": "write", "attestations": "write"} if name == "sbom" else {}
        assert job["permissions"] == {"contents": "read", **signs}


def test_the_gitlab_file_runs_every_check_in_a_declared_stage() -> None:
    pipeline = load(GITLAB)
    jobs = {name: job for name, job in pipeline.items() if name not in ("workflow", "stages", "default")}
    assert {line for job in jobs.values() for line in job["script"]} == CHECKS | {"make evaluate"}
    for name, job in jobs.items():
        known = {"stage", "script", "image", "parallel"}
        assert set(job) <= known | MORE.get(name, set()), name
        assert job["stage"] in pipeline["stages"], name
    assert re.fullmatch(r"python:3\.\d+-\w+", pipeline["default"]["image"])


def test_the_bot_finds_every_lock_that_it_can_write_anew() -> None:
    config = json.loads(RENOVATE.read_text(encoding="utf-8"))
    (pattern,) = config["pip-compile"]["managerFilePatterns"]
    every = {str(path.relative_to(TEMPLATE)) for path in TEMPLATE.glob("requirements/*.lock")}
    locks = {name for name in every if re.search(pattern[1:-1], name)}
    # The weights of a chat model for tests are compiled without dependencies, which Renovate cannot repeat.
    assert locks == every - {"requirements/model.lock"}
    for name in locks:
        command = (TEMPLATE / name).read_text(encoding="utf-8").splitlines()[1]
        assert f"--output-file={name}" in command
        assert {option.split("=")[0] for option in command.split() if option.startswith("-")} <= REPEATED
    # Renovate does not apply its own age to the refreshing of locks; the resolver itself holds it.
    for folder in (TEMPLATE, TEMPLATE.parent):
        assert tomllib.loads((folder / "uv.toml").read_text(encoding="utf-8"))["exclude-newer"] == "7 days"
    assert config["minimumReleaseAge"] == "7 days"


PLANTED = {
    "token.py": 'github = "ghp_{}"\n'.format("16C7e42F292c6912E7710c838347Ae178B4a"),
    "cloud.ini": "aws_access_key_id = AKIA{}\naws_secret_access_key = {}\n".format(
        "Y34FZKBOKMUTVV7A", "wJalrXUtnFEMIK7MDENGbPxRfiCYzzQ9fKEYab+/"
    ),
}


def test_a_new_service_holds_no_secret_and_a_planted_one_is_found(tmp_path: Path) -> None:
    folder = bake(tmp_path / "out").project
    (scan,) = re.findall(r"@\$\(BIN\)/kingfisher (.+)", (folder / "Makefile").read_text(encoding="utf-8"))
    command = [tool("kingfisher"), *scan.split()]
    assert run(command, folder).returncode == 0
    for name, content in PLANTED.items():
        (folder / "app" / name).write_text(content, encoding="utf-8")
        done = run(command, folder)
        assert done.returncode != 0, name
        assert name in done.stdout
        (folder / "app" / name).unlink()
