"""What a service remembers of its template: address, commit, version and answers, in cruft's own form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
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

    def moved_to(self, commit: str, version: str | None, answers: dict[str, str]) -> Record:
        return replace(self, commit=commit, version=version, answers=answers)


def read(root: Path) -> Record:
    """The record of this service. Where cruft keeps one, it says which commit was reached, as cruft moves only that."""
    found: dict[str, Any] = {}
    for name in (OURS, CRUFTS):
        if (root / name).is_file():
            try:
                found |= json.loads((root / name).read_text(encoding="utf-8"))
            except ValueError as error:
                raise Stop(f"{name} cannot be read ({error}): restore it with `git checkout -- {name}`.") from None
    given = found.get("context", {}).get("cookiecutter", {})
    answers = {name: str(value) for name, value in given.items() if not name.startswith("_")}
    return Record(found.get("template"), found.get("commit"), found.get("version"), answers)


def read_answers(path: Path) -> dict[str, str]:
    """Answers of a file by cookiecutter (`~/.cookiecutter_replay/NAME.json`), of a record, or of a plain object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Stop(f"{path} holds no answers that can be read: {error}.") from None
    found = found.get("context", found)
    return {name: str(value) for name, value in found.get("cookiecutter", found).items() if not name.startswith("_")}


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
    content = json.loads(before)
    content["commit"] = record.commit
    content["context"]["cookiecutter"] |= record.answers
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
