"""After a bake: a repository with one commit, nothing around it touched, and two commands to go on with."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.baking import QUESTIONS, REPOSITORY, bake, run


def git(folder: Path, *words: str) -> str:
    done = run(["git", *words], folder)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which git knows no name, no e-mail and no habits."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER", "EMAIL"))]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()


@pytest.mark.usefixtures("nobody")
def test_the_first_commit_holds_everything_without_a_configured_name(tmp_path: Path) -> None:
    project = bake(tmp_path / "out").project
    owner = f"{QUESTIONS['owner_team']}|{QUESTIONS['oncall_contact']}"
    assert git(project, "log", "--format=%s|%an|%ae") == f"Generate the service|{owner}"
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "branch", "--show-current") == "main"


def test_a_configured_name_signs_the_first_commit(tmp_path: Path, nobody: None) -> None:
    home = tmp_path / "home"
    git(home, "config", "--global", "user.name", "Ada")
    git(home, "config", "--global", "user.email", "ada@example.com")
    project = bake(tmp_path / "out").project
    assert git(project, "log", "--format=%an|%ae") == "Ada|ada@example.com"


@pytest.mark.usefixtures("nobody")
def test_a_repository_around_the_project_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    around = tmp_path / "around"
    around.mkdir()
    git(around, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(around / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(around / ".git" / "index"))
    project = bake(around / "services").project
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert run(["git", "log"], around).returncode != 0
    assert git(around, "ls-files") == ""
    assert git(project, "rev-list", "--count", "HEAD") == "1"


def test_without_git_the_project_is_whole_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = bake(tmp_path / "out")
    assert not (done.project / ".git").exists()
    assert (done.project / "app" / "main.py").exists()
    assert "git init" in done.said


def test_a_target_path_with_spaces_works(tmp_path: Path) -> None:
    project = bake(tmp_path / "a folder with spaces" / "and'quote").project
    assert git(project, "rev-list", "--count", "HEAD") == "1"


def test_the_next_two_commands_are_printed(tmp_path: Path) -> None:
    assert "\n  cd handbook-answers\n  make demo\n" in bake(tmp_path / "out").said


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A template in which somebody may have worked."""
    made = tmp_path / "copy"
    shutil.copytree(REPOSITORY, made, ignore=shutil.ignore_patterns(".git", ".venv", "build", ".data", "docs"))
    return made


def test_caches_of_the_template_are_not_given_away(copy: Path, tmp_path: Path) -> None:
    cache = copy / "{{cookiecutter.project_slug}}" / "app" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "main.cpython-311.pyc").write_bytes(b"stale")
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "cookiecutter", str(copy), "--no-input", "--output-dir", str(out)]
    done = run(command, tmp_path, HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert not list(out.rglob("__pycache__"))


@pytest.mark.parametrize("left", [".data", ".venv"])
def test_data_and_environment_of_a_run_in_the_template_stop_a_bake(copy: Path, tmp_path: Path, left: str) -> None:
    (copy / "{{cookiecutter.project_slug}}" / left).mkdir()
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "cookiecutter", str(copy), "--no-input", "--output-dir", str(out)]
    done = run(command, tmp_path, HOME=str(tmp_path))
    assert done.returncode != 0
    assert f"The template folder holds {left} of a run in it: remove" in done.stdout
    assert not list(out.iterdir())


def test_a_failed_bake_leaves_what_was_there(tmp_path: Path) -> None:
    project = bake(tmp_path / "out").project
    (project / "mine.txt").write_text("kept")
    done = bake(tmp_path / "out", "--overwrite-if-exists", monthly_budget_usd="none")
    assert done.code != 0
    assert (project / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize("name", ["pre_gen_project.py", "post_gen_project.py"])
def test_a_hook_imports_only_the_standard_library_and_is_filled_in_once(name: str) -> None:
    text = (REPOSITORY / "hooks" / name).read_text(encoding="utf-8")
    imported = {line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= sys.stdlib_module_names
    assert text.count("{{ cookiecutter") == 1


TOO_OLD = "This cookiecutter is too old for the template: install cookiecutter 2.1.1 or newer and bake again.\n"


def test_a_generator_that_leaves_private_variables_as_they_stand_is_refused(tmp_path: Path) -> None:
    raw = {name: value if isinstance(value, str) else value[0] for name, value in QUESTIONS.items() if name[0] != "_"}
    raw |= {name: value for name, value in QUESTIONS.items() if name[0] == "_"} | {"project_slug": "handbook-answers"}
    text = (REPOSITORY / "hooks" / "pre_gen_project.py").read_text(encoding="utf-8")
    (tmp_path / "hook.py").write_text(text.replace("{{ cookiecutter | jsonify }}", json.dumps(raw)), encoding="utf-8")
    done = run([sys.executable, "hook.py"], tmp_path)
    assert (done.returncode, done.stdout) == (1, TOO_OLD)


def test_cookiecutter_1_7_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """With the real one, where the package index has it."""
    old = tmp_path / "old"
    assert run([sys.executable, "-m", "venv", str(old)], tmp_path).returncode == 0
    install = [str(old / "bin" / "python"), "-m", "pip", "install", "-q", "cookiecutter==1.7.3", "setuptools<81"]
    if run(install, tmp_path).returncode:
        pytest.skip("the package index does not have cookiecutter 1.7.3")
    out = tmp_path / "out"
    out.mkdir()
    command = [str(old / "bin" / "cookiecutter"), str(REPOSITORY), "--no-input", "--output-dir", str(out)]
    done = run(command, tmp_path, HOME=str(tmp_path))
    assert done.returncode != 0
    assert TOO_OLD in done.stdout
    assert not list(out.iterdir())
