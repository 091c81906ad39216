"""Makes .venv from the lock files, or reuses one that matches: `python3 scripts/bootstrap.py requirements/run.lock`.

Needs only Python 3.11 and a package index. Prints one line per step; a failure is one sentence and exit status 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

OLDEST = (3, 11)
WINDOWS = os.name == "nt"
STAMP = "lock-stamp.json"
INSTALLER_LOCK = Path(__file__).resolve().parent.parent / "requirements/uv.lock"
# A lock that includes all packages of another one, which then need not be installed separately.
INCLUDES = {"requirements/dev.lock": "requirements/run.lock"}
STARTED = time.monotonic()


class Stop(Exception):
    """Ends the script with one sentence that says what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Make .venv from lock files, or reuse it.")
    parser.add_argument("locks", nargs="+", help="lock files, relative to the root")
    parser.add_argument("--root", default=str(Path(__file__).resolve().parent.parent), help="where .venv goes")
    options = parser.parse_args()
    try:
        if sys.version_info < OLDEST:
            return run_with_newer_python()
        if runs_from(Path(options.root) / ".venv"):
            return run_with_outer_python()
        make(Path(options.root).resolve(), options.locks)
    except Stop as stop:
        print(f"bootstrap: {stop}", file=sys.stderr)
        return 1
    return 0


def run_with_newer_python() -> int:
    for minor in range(19, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            return subprocess.call([newer, *sys.argv])
    raise Stop(
        f"Python 3.11 or newer is needed and this is {sys.version_info[0]}.{sys.version_info[1]}: "
        "install one, or name it as in `make demo PYTHON=python3.12`."
    )


def runs_from(venv: Path) -> bool:
    """Whether this Python is the one of `venv`, as in a shell that activated it."""
    return sys.prefix != sys.base_prefix and Path(sys.prefix).resolve() == venv.resolve()


def run_with_outer_python() -> int:
    """Run this script with the Python that made .venv: an environment cannot replace itself, and may have no pip."""
    outer = getattr(sys, "_base_executable", None)
    if not outer or Path(outer).parent.resolve() == Path(sys.executable).parent.resolve():
        raise Stop("this Python runs from .venv itself and does not know another: run `deactivate` and try again.")
    clean = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__")}
    return subprocess.call([outer, *sys.argv], env=clean)


def make(root: Path, locks: list[str]) -> None:
    venv = root / ".venv"
    for name in locks:
        digest(root, name)  # says which one is missing
    python = venv / ("Scripts/python.exe" if WINDOWS else "bin/python")
    stamp = read_stamp(venv)
    known = {name: was for name, was in stamp.get("locks", {}).items() if (root / name).exists()}
    same = set(locks) <= known.keys() and all(digest(root, name) == was for name, was in known.items())
    if stamp.get("home") == identity(root) and same and python.exists():
        return
    (venv / STAMP).unlink(missing_ok=True)
    if stamp.get("home") != identity(root) or not python.exists():
        say(f"making .venv with Python {sys.version.split()[0]}")
        shutil.rmtree(venv, ignore_errors=True)
        make_venv(venv)
        known = {}
    # What was asked for before stays, such as an optional part.
    included = {INCLUDES.get(name) for name in locks}
    before = [name for name in known if name not in {*locks, *included}]
    install([root / name for name in [*locks, *before]], python)
    if (root / "app").is_dir():
        link_project(root, python)
    digests = {name: digest(root, name) for name in [*locks, *before, *filter(None, included)]}
    (venv / STAMP).write_text(json.dumps({"home": identity(root), "locks": digests}), encoding="utf-8")
    say("environment ready")


def identity(root: Path) -> str:
    """What an environment depends on, because its scripts name both: the folder and the Python version."""
    return f"{root} {sys.version_info[0]}.{sys.version_info[1]}"


def digest(root: Path, name: str) -> str:
    try:
        return hashlib.sha256((root / name).read_bytes()).hexdigest()
    except OSError:
        raise Stop(f"{root / name} is missing: restore it with `git checkout -- {name}`.") from None


def read_stamp(venv: Path) -> dict[str, Any]:
    try:
        stamp: dict[str, Any] = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp


def make_venv(venv: Path) -> None:
    # Without pip where there is an outer one, which installs into it: unpacking a second pip takes ten times as long.
    command = [sys.executable, "-m", "venv", *([] if outer_pip() is None else ["--without-pip"]), str(venv)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        raise Stop(
            "this Python cannot make a virtual environment: install its venv module "
            "(on Debian and Ubuntu the package python3-venv) and run again."
        )


def outer_pip() -> list[str] | None:
    probe = [sys.executable, "-m", "pip"]
    result = subprocess.run([*probe, "--python", sys.executable, "--version"], capture_output=True, check=False)
    return None if result.returncode else probe


def pip_into(python: Path) -> list[str]:
    inside = subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False)
    if inside.returncode == 0:
        return [str(python), "-m", "pip"]
    outside = outer_pip()
    if outside is not None:
        return [*outside, "--python", str(python)]
    if subprocess.run([str(python), "-m", "ensurepip"], capture_output=True, check=False).returncode:
        raise Stop("there is no pip to install with: install the module venv or pip for this Python and run again.")
    return [str(python), "-m", "pip"]


def install(locks: list[Path], python: Path) -> None:
    pip = [*pip_into(python), "--disable-pip-version-check"]
    with_pip = [*pip, "install", "-qq", "--no-deps", "--require-hashes"]
    say("fetching the installer")
    if run([*with_pip, "-r", str(INSTALLER_LOCK)]):
        raise Stop("no package index answered: check the network, or name your mirror in PIP_INDEX_URL.")
    count = sum(lock.read_text(encoding="utf-8").count("==") for lock in locks)
    say(f"installing {count} packages, from the cache where it holds them")
    uv = [str(python.with_name("uv.exe" if WINDOWS else "uv")), "pip", "sync", "--quiet", "--require-hashes"]
    environment = {**os.environ, **index_of(pip), "UV_NO_CONFIG": "1", "UV_LINK_MODE": link_mode()}
    if run([*uv, "--python", str(python), *map(str, locks)], environment) == 0:
        return
    say("the fast installer failed; installing with pip")
    if run([*with_pip, *(part for lock in locks for part in ("-r", str(lock)))]):
        raise Stop("the packages could not be installed: the lines above say which and why.")


def index_of(pip: list[str]) -> dict[str, str]:
    """The package index of pip's configuration, as variables for uv, which does not read that configuration."""
    listing = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout
    values = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        values[name.split(".")[-1]] = value.strip().strip("'\"")
    variables = {"UV_DEFAULT_INDEX": values.get("index-url"), "SSL_CERT_FILE": values.get("cert")}
    return {name: value for name, value in variables.items() if value and name not in os.environ}


def link_mode() -> str:
    return os.environ.get("UV_LINK_MODE", "copy" if WINDOWS else "hardlink")


def run(command: list[str], environment: dict[str, str] | None = None) -> int:
    running = subprocess.Popen(command, env=environment)
    while True:
        try:
            return running.wait(timeout=10)
        except subprocess.TimeoutExpired:
            say("still running")
        except KeyboardInterrupt:
            running.terminate()
            raise


def link_project(root: Path, python: Path) -> None:
    """Puts the project on the path of .venv and the command `app` beside its python, without building anything."""
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    result = subprocess.run([str(python), "-c", script], capture_output=True, text=True, check=True)
    (Path(result.stdout.strip()) / "_project.pth").write_text(f"{root}\n", encoding="utf-8")
    if WINDOWS:
        python.with_name("app.cmd").write_text(f'@"{python}" -m app %*\n', encoding="utf-8")
        return
    # Started by a shell, because a `#!` line that names an interpreter cannot contain a space.
    launcher = f"""#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from app.__main__ import main

sys.exit(main())
"""
    command = python.with_name("app")
    command.write_text(launcher, encoding="utf-8")
    command.chmod(0o755)


def say(message: str) -> None:
    print(f"[{time.monotonic() - STARTED:5.1f} s] {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
