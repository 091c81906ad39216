"""The environment is made with nothing but Python and an index, made once, and a failure is one sentence."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.baking import REPOSITORY, TEMPLATE, run

SCRIPT = TEMPLATE / "scripts" / "bootstrap.py"


def bootstrap(root: Path, *locks: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return run([sys.executable, str(SCRIPT), "--root", str(root), *locks], root, **environment)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of one command and one small package, in a folder with a space."""
    root = tmp_path / "a project"
    (root / "app").mkdir(parents=True)
    (root / "requirements").mkdir()
    (root / "app" / "__init__.py").touch()
    command = "import sys\n\nimport iniconfig\n\n\ndef main():\n    print(iniconfig.__name__, *sys.argv[1:])\n"
    (root / "app" / "__main__.py").write_text(command)
    locked = (REPOSITORY / "requirements/dev.lock").read_text(encoding="utf-8")
    pin = re.search(r"^iniconfig==.+?(?=^\w)", locked, re.MULTILINE | re.DOTALL)
    assert pin
    (root / "requirements/run.lock").write_text(pin[0])
    return root


def test_a_project_in_a_folder_with_a_space_gets_its_command_and_a_second_run_reuses_it(small: Path) -> None:
    first = bootstrap(small, "requirements/run.lock")
    assert first.returncode == 0, first.stdout
    assert "environment ready" in first.stdout
    said = run([str(small / ".venv" / "bin" / "app"), "one", "two words"], small)
    assert said.stdout == "iniconfig one two words\n"
    again = bootstrap(small, "requirements/run.lock")
    assert (again.returncode, again.stdout) == (0, "")


def test_a_changed_lock_and_a_moved_project_get_a_new_environment(small: Path) -> None:
    assert bootstrap(small, "requirements/run.lock").returncode == 0
    (small / "requirements/run.lock").write_text("# changed\n" + (small / "requirements/run.lock").read_text())
    changed = bootstrap(small, "requirements/run.lock").stdout
    assert "environment ready" in changed
    assert "making .venv" not in changed
    moved = small.rename(small.with_name("elsewhere"))
    assert "making .venv" in bootstrap(moved, "requirements/run.lock").stdout
    assert run([str(moved / ".venv" / "bin" / "app")], moved).stdout == "iniconfig\n"


def test_pip_goes_on_where_the_fast_installer_finds_no_index(small: Path) -> None:
    nowhere = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(small / "empty")}
    done = bootstrap(small, "requirements/run.lock", **nowhere)
    assert done.returncode == 0, done.stdout
    assert "installing with pip" in done.stdout
    assert run([str(small / ".venv" / "bin" / "app")], small).stdout == "iniconfig\n"


def test_a_package_with_another_hash_is_refused(small: Path) -> None:
    lock = small / "requirements/run.lock"
    lock.write_text(re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, lock.read_text()))
    done = bootstrap(small, "requirements/run.lock")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("bootstrap: the packages could not be installed")
    assert not (small / ".venv" / "lock-stamp.json").exists()


def test_no_index_is_said_in_one_sentence(small: Path) -> None:
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
    done = bootstrap(small, "requirements/run.lock", PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL="", **offline)
    assert done.returncode == 1
    assert "bootstrap: no package index answered: check the network" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_python_without_venv_is_said_in_one_sentence(small: Path) -> None:
    (small / "broken").mkdir()
    (small / "broken" / "venv.py").write_text("raise SystemExit('No module named ensurepip')")
    done = bootstrap(small, "requirements/run.lock", PYTHONPATH=str(small / "broken"))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("bootstrap: this Python cannot make a virtual environment: install")
    assert not (small / ".venv").exists()


def test_a_missing_lock_is_said_in_one_sentence(small: Path) -> None:
    done = bootstrap(small, "nothing.lock")
    assert done.returncode == 1
    assert done.stdout.endswith("is missing: restore it with `git checkout -- nothing.lock`.\n")


def test_a_python_that_is_too_old_is_said_in_one_sentence(small: Path) -> None:
    copy = small / "bootstrap.py"
    copy.write_text(SCRIPT.read_text(encoding="utf-8").replace("OLDEST = (3, 11)", "OLDEST = (3, 99)"))
    done = run([sys.executable, str(copy), "requirements/run.lock"], small, PATH=str(small))
    assert done.returncode == 1
    assert done.stdout.startswith("bootstrap: Python 3.11 or newer is needed and this is 3.")


def test_the_lock_of_the_checks_serves_for_running_too(small: Path) -> None:
    shutil.copy(small / "requirements/run.lock", small / "requirements/dev.lock")
    assert bootstrap(small, "requirements/dev.lock").returncode == 0
    assert bootstrap(small, "requirements/run.lock").stdout == ""


def test_an_optional_part_stays_when_another_is_added(small: Path) -> None:
    part = {name: f"requirements/{name}.lock" for name in ("ocr", "multilingual")}
    pinned = (REPOSITORY / "requirements/dev.lock").read_text(encoding="utf-8")
    for name, package in (("ocr", "pluggy"), ("multilingual", "packaging")):
        pin = re.search(rf"^{package}==.+?(?=^\w)", pinned, re.MULTILINE | re.DOTALL)
        assert pin
        (small / part[name]).write_text(pin[0])
    for name in part:
        assert bootstrap(small, "requirements/run.lock", part[name]).returncode == 0
    imports = run([str(small / ".venv/bin/python"), "-c", "import iniconfig, packaging, pluggy"], small)
    assert imports.returncode == 0, imports.stdout
    assert bootstrap(small, "requirements/run.lock", part["ocr"]).stdout == ""
    (small / part["ocr"]).write_text("# newer\n" + (small / part["ocr"]).read_text())
    assert "environment ready" in bootstrap(small, "requirements/run.lock").stdout
    assert bootstrap(small, "requirements/run.lock").stdout == ""


def activated(root: Path, venv: Path, *locks: str) -> "subprocess.CompletedProcess[str]":
    """Bootstraps as `make` does in a shell that activated `venv`."""
    path = f"{venv / 'bin'}:{os.environ['PATH']}"
    command = ["python3", str(SCRIPT), "--root", str(root), *locks]
    return run(["/bin/sh", "-c", 'exec "$@"', "sh", *command], root, PATH=path, VIRTUAL_ENV=str(venv))


def test_an_activated_environment_gets_another_lock_and_stays(small: Path) -> None:
    assert bootstrap(small, "requirements/run.lock").returncode == 0
    shutil.copy(small / "requirements/run.lock", small / "requirements/dev.lock")
    marker = small / ".venv" / "kept"
    marker.touch()
    first = activated(small, small / ".venv", "requirements/dev.lock")
    assert first.returncode == 0, first.stdout
    assert "environment ready" in first.stdout
    assert marker.exists()
    again = activated(small, small / ".venv", "requirements/dev.lock")
    assert (again.returncode, again.stdout) == (0, "")


@pytest.mark.parametrize("pip_inside", [True, False])
def test_an_activated_environment_that_must_be_remade_is_remade_from_outside(small: Path, pip_inside: bool) -> None:
    made = [sys.executable, "-m", "venv", *([] if pip_inside else ["--without-pip"]), str(small / ".venv")]
    assert run(made, small).returncode == 0
    for expected in ("making .venv", ""):
        done = activated(small, small / ".venv", "requirements/run.lock")
        assert done.returncode == 0, done.stdout
        assert expected in done.stdout
    assert done.stdout == ""
    assert run([str(small / ".venv" / "bin" / "app")], small).stdout == "iniconfig\n"
    home = (small / ".venv" / "pyvenv.cfg").read_text()
    assert str(small / ".venv") not in home.split("command")[0]


def test_another_environment_that_is_activated_and_has_no_pip_does(small: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert run([sys.executable, "-m", "venv", "--without-pip", str(other)], small).returncode == 0
    assert bootstrap(small, "requirements/run.lock").returncode == 0
    (small / "requirements/run.lock").write_text("# changed\n" + (small / "requirements/run.lock").read_text())
    done = activated(small, other, "requirements/run.lock")
    assert done.returncode == 0, done.stdout
    assert "environment ready" in done.stdout


@pytest.mark.parametrize("root", [REPOSITORY, TEMPLATE])
def test_make_hands_an_activated_environment_to_the_same_script(root: Path) -> None:
    """`make` of the template and of a service run what the tests above run, with whatever python3 comes first."""
    shown = run(["make", "-n", "env-dev", "env"], root).stdout
    assert shown.count("python3") == 2
    assert shown.count("scripts/bootstrap.py") == 2
