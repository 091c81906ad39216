"""What a service remembers of its template: address, commit, version and answers, in cruft's own form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OURS = ".template.json"
CRUFTS = ".cruft.json"


class Stop(Exception):
    """Ends the upgrade with one sentence that says what to do."""


@dataclass(frozen=True)
class Record:
    """template: address. commit: None where it is not known. answers: by question, without derived ones."""

    template: str | None
    commit: str | None
    version: str | None
    answers: dict[str, str] = field(default_factory=dict)


def read(root: Path) -> Record:
    """The record of this service. Where cruft keeps one, it says which commit was reached, as cruft moves only that."""
    found: dict[str, Any] = {}
    for name in (OURS, CRUFTS):
        if (root / name).is_file():
            try:
                found |= checked(parsed((root / name).read_bytes()))
            except (OSError, ValueError) as error:
                raise Stop(f"{name} cannot be read ({error}): restore it with `git checkout -- {name}`.") from None
    return Record(
        found.get("template") or None, found.get("commit") or None, found.get("version") or None, answers_in(found)
    )


def read_answers(path: Path) -> dict[str, str]:
    """Answers of a file by cookiecutter (`~/.cookiecutter_replay/NAME.json`), of a record, or of a plain object."""
    try:
        found = parsed(path.read_bytes())
        plain = "context" not in found and "cookiecutter" not in found
        return answers_in({"context": {"cookiecutter": found} if plain else found.get("context", found)})
    except (OSError, ValueError) as error:
        raise Stop(f"{path} holds no answers that can be read: {error}.") from None


def parsed(content: bytes) -> dict[str, Any]:
    """Errors: ValueError, with what is wrong."""
    try:
        found = json.loads(content.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def checked(found: dict[str, Any]) -> dict[str, Any]:
    """A record in which each field is what it should be. Errors: ValueError."""
    for name in ("template", "commit", "version"):
        value = found.get(name)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{name} is no text")
        if value and (value.startswith("-") or not value.isprintable()):
            raise ValueError(f"{name} is {value!r}")
    answers_in(found)
    return found


def answers_in(found: dict[str, Any]) -> dict[str, str]:
    """The answers of a record, without derived ones. Errors: ValueError."""
    above: Any = found
    for name in ("context", "cookiecutter"):
        above = above.get(name, {})
        if not isinstance(above, dict):
            raise ValueError(f"{name} is no JSON object")
    answers = {name: value for name, value in above.items() if not name.startswith("_")}
    for name, value in answers.items():
        if not isinstance(value, str | int | float):
            raise ValueError(f"the answer {name} is no text")
    return {name: str(value) for name, value in answers.items()}


def written(record: Record) -> bytes:
    content = {
        "template": record.template,
        "commit": record.commit,
        "version": record.version,
        "checkout": None,
        "context": {"cookiecutter": record.answers},
        "directory": None,
    }
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def crufts_written(before: bytes, record: Record) -> bytes:
    """cruft's own record after the upgrade: `cruft update` goes on from the new commit."""
    content = parsed(before)
    content["template"], content["commit"] = record.template, record.commit
    content.setdefault("context", {}).setdefault("cookiecutter", {}).update(record.answers)
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
