"""The template keeps to the rules of Windows: names, lengths of paths, line ends, and answers with backslashes."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path, PureWindowsPath
from types import ModuleType

import pytest
import yaml

from tests.baking import QUESTIONS, REPOSITORY, TEMPLATE, run

ILLEGAL = re.compile(r'[<>:"|?*\\\x00-\x1f]')
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
LONGEST = 259
"""Characters of a path where long paths are not switched on."""
HOME = PureWindowsPath("C:/Users") / ("n" * 20)


def tracked() -> list[str]:
    listed = run(["git", "ls-files", "-z"], REPOSITORY).stdout
    return [name for name in listed.split("\0") if name]


def test_every_name_can_be_a_name_on_windows() -> None:
    parts = {part for name in tracked() for part in name.split("/")}
    assert {part for part in parts if ILLEGAL.search(part)} == set()
    assert {part for part in parts if part[-1] in ". "} == set()
    assert {part for part in parts if part.split(".")[0].lower() in RESERVED} == set()


def test_no_two_paths_differ_only_in_case_and_none_is_a_link() -> None:
    assert [name for name, count in Counter(name.lower() for name in tracked()).items() if count > 1] == []
    assert "\n120000 " not in "\n" + run(["git", "ls-files", "--stage"], REPOSITORY).stdout


def test_no_path_is_too_long_for_a_clone_or_a_service_in_a_deep_home() -> None:
    clone = HOME / ".cookiecutters" / ("t" * 40)
    service = HOME / "source" / "repos" / ("s" * 50)
    inside = [name.removeprefix(f"{TEMPLATE.name}/") for name in tracked() if name.startswith(f"{TEMPLATE.name}/")]
    paths = [*(clone / name for name in tracked()), *(service / name for name in inside)]
    assert [str(path) for path in paths if len(str(path)) > LONGEST] == []


@pytest.mark.parametrize("name", ["hooks/pre_gen_project.py", "cookiecutter.json", f"{TEMPLATE.name}/Makefile"])
def test_a_clone_has_the_same_line_ends_everywhere(name: str) -> None:
    assert run(["git", "check-attr", "eol", "--", name], REPOSITORY).stdout == f"{name}: eol: lf\n"


def answers(**given: str) -> dict[str, object]:
    first = {name: value[0] if isinstance(value, list) else value for name, value in QUESTIONS.items()}
    derived = {"project_slug": "handbook-answers", "__license_expression": "MIT"}
    here = {"_repo_dir": r"C:\Users\Jane Doe\.cookiecutters\t", "_template": r"C:\templates\t", "_output_dir": "D:\\"}
    return first | derived | here | given


@pytest.mark.parametrize(
    ("given", "status"), [({}, 0), ({"owner_team": "A\\B \"C\" ''' D"}, 0), ({"p95_latency_ms": "x"}, 1)]
)
def test_a_hook_takes_paths_and_answers_with_backslashes(tmp_path: Path, given: dict[str, str], status: int) -> None:
    hooks = ["pre_gen_project.py"] if status else ["pre_gen_project.py", "post_gen_project.py"]
    for name in hooks:
        text = (REPOSITORY / "hooks" / name).read_text(encoding="utf-8")
        folder = tmp_path / name.removesuffix(".py")
        folder.mkdir()
        filled = text.replace("{{ cookiecutter | jsonify }}", json.dumps(answers(**given), indent=4))
        (tmp_path / name).write_text(filled, encoding="utf-8", newline="\r\n")
        done = run([sys.executable, str(tmp_path / name)], folder)
        assert done.returncode == status, done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The template as git would leave it with other line ends."""
    copy = tmp_path / "checkout"
    left = shutil.ignore_patterns(".git", ".venv", "build", ".data", "docs", "benchmarks", "data", "tests")
    shutil.copytree(REPOSITORY, copy, ignore=left)
    for path in copy.rglob("*"):
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            path.write_bytes(content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    return copy


def test_a_checkout_with_other_line_ends_bakes_the_same_service(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "cookiecutter", str(checkout), "--no-input", "--output-dir", str(out)]
    done = run(command, tmp_path, HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout
    project = out / "handbook-answers"
    policy = yaml.safe_load((project / "policies" / "ownership.yaml").read_text(encoding="utf-8"))
    assert policy["owner"] == QUESTIONS["owner_team"]
    ends = run(["git", "ls-files", "--eol"], project).stdout.splitlines()
    assert len(ends) > 500
    assert [line for line in ends if line.split()[0] not in ("i/lf", "i/-text", "i/none")] == []
    refused = run([*command, "p95_latency_ms=x", "project_slug=other"], tmp_path, HOME=str(tmp_path))
    assert refused.returncode != 0
    assert "give a whole number of milliseconds" in refused.stdout


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/bootstrap.py of a service, as on Windows."""
    spec = importlib.util.spec_from_file_location("bootstrap_of_a_service", TEMPLATE / "scripts" / "bootstrap.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "WINDOWS", True)
    return module


def test_the_command_is_a_batch_file_on_windows(bootstrap: ModuleType, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    bootstrap.link_project(tmp_path, python)
    command = python.with_name("app.cmd").read_bytes().replace(b"\r\n", b"\n").decode()
    assert command == f'@"{python}" -m app %*\n'
    assert not python.with_name("app").exists()
    assert bootstrap.link_mode() == "copy"
