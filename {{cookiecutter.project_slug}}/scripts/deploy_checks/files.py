"""Reads the files of deploy/ as their programs would."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SERVICES = ("api-1", "api-2", "worker", "migrate")
"""The services of the compose file that run the image."""

_VARIABLE = re.compile(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}")
_JOB = re.compile(r'\bup\{job="(\w+)"')


class Missing(Exception):
    """A variable of the compose file that must be set and is not."""


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """The text as docker compose reads it. Errors: Missing."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if found := variables.get(name):
            return found
        if kind == ":?":
            raise Missing(f"{name}: {rest}")
        return rest or ""

    return _VARIABLE.sub(value, text)


def compose(root: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """The compose file with its anchors resolved. Errors: Missing, yaml.YAMLError."""
    text = (root / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(interpolated(text, variables))
    return found


def required(root: Path) -> dict[str, str]:
    """A value for each variable that must be set."""
    text = (root / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    return {name: "x" * 32 for name, kind, _ in _VARIABLE.findall(text) if kind == ":?"}


def jobs_of_rules(root: Path) -> set[str]:
    """The scrape jobs that an alert about a missing target names."""
    files = (root / "monitoring" / "rules").glob("*.yaml")
    return {job for each in files for job in _JOB.findall(each.read_text(encoding="utf-8"))}


def environment(service: Mapping[str, Any], shell: Mapping[str, str]) -> dict[str, str]:
    """What a service of the compose file gets; a name without a value has that of the shell, or is not set."""
    given = service.get("environment") or {}
    named = {name: shell.get(name) if value is None else str(value) for name, value in given.items()}
    return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile, in its stage."""

    stage: int
    name: str
    rest: str

    @property
    def is_exec_form(self) -> bool:
        return self.rest.partition("CMD ")[2].startswith("[") if self.name == "HEALTHCHECK" else self.rest[:1] == "["


def dockerfile(root: Path) -> list[Instruction]:
    text = (root / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    found, stage = [], 0
    for line in filter(None, map(str.strip, lines.splitlines())):
        name, _, rest = line.partition(" ")
        stage += name == "FROM"
        found.append(Instruction(stage, name, " ".join(rest.split())))
    return found


def unit(path: Path) -> dict[str, list[str]]:
    """The options of a systemd unit, each as `Section.Option` with its values in order."""
    options: dict[str, list[str]] = {}
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            options.setdefault(f"{section}.{name}", []).append(value)
    return options


def ignored(root: Path) -> Iterator[str]:
    """The patterns of .dockerignore."""
    for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line
