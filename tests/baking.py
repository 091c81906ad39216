"""What the tests share: one way to bake, and what the template holds."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
TEMPLATE = REPOSITORY / "{{cookiecutter.project_slug}}"
QUESTIONS: dict[str, Any] = json.loads((REPOSITORY / "cookiecutter.json").read_text(encoding="utf-8"))
CACHES = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache"}
UNTRACKED = CACHES | {".venv", ".data"}


@dataclass(frozen=True)
class Bake:
    """What a bake gave: exit code, all it printed, and the folders that appeared."""

    code: int
    said: str
    made: tuple[Path, ...]

    @property
    def project(self) -> Path:
        assert self.code == 0, self.said
        (made,) = self.made
        return made


def bake(folder: Path, *options: str, **answers: str) -> Bake:
    """Bakes into folder as on the command line, with the given answers and the defaults for the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder.parent / f"{folder.name}.config.json"
    config.write_text(json.dumps({"replay_dir": str(config) + ".replay", "cookiecutters_dir": str(config) + ".c"}))
    given = [f"{name}={value}" for name, value in answers.items()]
    command = [sys.executable, "-m", "cookiecutter", str(REPOSITORY), "--output-dir", str(folder), *options]
    quiet = [] if {"--replay", "--replay-file"} & set(options) else ["--no-input"]
    done = run([*command, *quiet, "--config-file", str(config), *given], folder)
    return Bake(done.returncode, done.stdout, tuple(sorted(folder.iterdir())))


def run(command: Sequence[str], folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )


def files(folder: Path) -> Iterator[str]:
    """Every file below folder, as paths with forward slashes, without caches and git's own."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not {*UNTRACKED, ".git"} & set(relative.parts):
            yield relative.as_posix()


def is_rendered(name: str) -> bool:
    parts = Path(name).parts
    above = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
    return not any(fnmatch(path, pattern) for path in above for pattern in QUESTIONS["_copy_without_render"])
