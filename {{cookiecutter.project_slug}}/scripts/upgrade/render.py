"""The template rendered with the answers of a service, by a cookiecutter that is there or by one that is fetched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import git
from record import Stop
from source import FOLDER

NEEDED = "import cookiecutter, yaml"
READ_YAML = """
import json, sys, yaml

def read(text):
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None

json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout, default=str)
"""


class Renderer:
    """Renders with one cookiecutter, which it finds or makes once."""

    def __init__(self, template: Path, scratch: Path) -> None:
        self._scratch = scratch
        self._python = find_python() or make_python(template, scratch)

    def render(self, template: Path, answers: dict[str, str], name: str) -> tuple[Path, dict[str, str]]:
        """The folder of a service, and every answer that it was rendered with."""
        questions = asked(template)
        given = {question: answers[question] for question in questions if question in answers}
        out = self._scratch / f"render-{name}"
        out.mkdir()
        config = self._scratch / f"{name}.config.json"
        config.write_text(
            json.dumps({"replay_dir": str(config) + ".replay", "cookiecutters_dir": str(config) + ".c"}),
            encoding="utf-8",
        )
        command = [self._python, "-m", "cookiecutter", str(template), "--no-input", "--output-dir", str(out)]
        pairs = [f"{question}={value}" for question, value in given.items()]
        done = subprocess.run(
            [*command, "--config-file", str(config), *pairs],
            cwd=self._scratch,
            env=git.environment(PYTHONUTF8="1", NO_FIRST_COMMIT="1", PYTHONDONTWRITEBYTECODE="1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise Stop(f"the {name} template refuses the answers: {done.stdout.decode(errors='replace').strip()}")
        (project,) = out.iterdir()
        shutil.rmtree(project / ".git", ignore_errors=True)
        replayed = json.loads(next((self._scratch / f"{name}.config.json.replay").glob("*.json")).read_text("utf-8"))
        return project, {question: str(replayed["cookiecutter"][question]) for question in questions}

    def yaml(self, *texts: str) -> list[Any]:
        """What YAML texts hold; the standard library reads none, a cookiecutter does. None for one that is none."""
        done = subprocess.run(
            [self._python, "-c", READ_YAML], input=json.dumps(texts).encode(), capture_output=True, check=False
        )
        return list(json.loads(done.stdout)) if done.returncode == 0 else [None] * len(texts)


def asked(template: Path) -> list[str]:
    """The questions of a template, without derived answers."""
    try:
        questions = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Stop(f"the template's cookiecutter.json cannot be read: {error}.") from None
    return [question for question in questions if not question.startswith("_")]


def find_python() -> str | None:
    """A Python that has a cookiecutter: this one, or that of the command on the path."""
    candidates = [sys.executable]
    command = shutil.which("cookiecutter")
    if command and os.name != "nt":
        first = Path(command).read_bytes()[:200].splitlines()[0]
        candidates += [first[2:].decode().strip()] if first.startswith(b"#!") else []
    return next((python for python in candidates if Path(python).is_file() and has_cookiecutter(python)), None)


def has_cookiecutter(python: str) -> bool:
    return subprocess.run([python, "-c", NEEDED], capture_output=True, check=False).returncode == 0


def make_python(template: Path, scratch: Path) -> str:
    """A throw-away environment from the template's own lock."""
    lock = next((path for path in lock_files(template) if path.is_file()), None)
    bootstrap = template / FOLDER / "scripts" / "bootstrap.py"
    if lock is None or not bootstrap.is_file():
        raise Stop("there is no cookiecutter: install one (`pip install cookiecutter`) and run again.")
    root = scratch / "environment"
    root.mkdir()
    shutil.copy(lock, root / "requirements.lock")
    made = subprocess.run([sys.executable, str(bootstrap), "--root", str(root), "requirements.lock"], check=False)
    if made.returncode:
        raise Stop("there is no cookiecutter and none could be fetched: install one and run again.")
    return str(root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def lock_files(template: Path) -> list[Path]:
    return [template / name for name in ("requirements.lock", "requirements/run.lock")]
