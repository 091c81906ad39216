"""git as the upgrade runs it: never pointed elsewhere by the environment, and never asking."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from record import Stop

POINTERS = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
}
WITHOUT_HOOKS = ("-c", "core.hooksPath=/dev/null")  # which would see states that never become commits


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name not in POINTERS}
    return {**clean, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **more}


def attempt(
    folder: Path, *words: str, given: bytes | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", "-c", "core.quotePath=false", *words],
            cwd=folder,
            env=environment(**(env or {})),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise Stop(f"there is no git on the path, or no folder {folder}.") from None


def read(folder: Path, *words: str, given: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
    """What git printed, without the line end. Raises Stop with git's own words."""
    done = attempt(folder, *words, given=given, env=env)
    if done.returncode:
        command = next(word for word in words if word not in WITHOUT_HOOKS)
        raise Stop(f"`git {command}` failed: {said(done)}")
    return done.stdout.decode(errors="surrogateescape").rstrip("\n")


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """Why git failed, in its own words on one line."""
    return " ".join((done.stderr or done.stdout).decode(errors="replace").split())


def refuse_foreign(folder: Path) -> None:
    """git reads no repository of another user; without this, it would look as if there were none."""
    done = attempt(folder, "rev-parse", "--git-dir")
    if b"dubious ownership" in done.stderr:
        raise Stop(f"{said(done)}")


def names(folder: Path, *words: str) -> list[str]:
    """The paths that a command with -z printed."""
    return [name for name in read(folder, *words).split("\0") if name]


def contents(folder: Path, objects: Sequence[str]) -> list[bytes | None]:
    """The bytes of each object in one go, None for one that is not there."""
    raw = attempt(
        folder, "cat-file", "--batch", given="".join(f"{each}\n" for each in objects).encode(errors="surrogateescape")
    ).stdout
    found: list[bytes | None] = []
    at = 0
    for _ in objects:
        end = raw.index(b"\n", at)
        header = raw[at:end].split(b" ")
        if len(header) < 3 or not header[-1].isdigit():
            found.append(None)
            at = end + 1
            continue
        size = int(header[-1])
        found.append(raw[end + 1 : end + 1 + size])
        at = end + size + 2
    return found
