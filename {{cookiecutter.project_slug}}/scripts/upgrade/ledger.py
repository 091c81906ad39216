"""The template's ledger of upgrades: which versions are new to a service, how serious, and what concerns its edits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from source import Source

LEDGER = "UPGRADES.yaml"
EVERYBODY = "**"  # whatever a service has changed, and where it has changed nothing
PARTS = ("renames", "removed", "contracts", "steps")
SERIOUS = ("patch", "minor", "major")


@dataclass(frozen=True)
class Step:
    """A sentence for a person, and whether an edit of this service makes it theirs."""

    sentence: str
    concerns: bool


def released(source: Source, entry: dict[str, Any], commit: str) -> bool:
    """Whether a commit of the template has all of this version."""
    tagged = source.commit(f"refs/tags/v{entry['version']}") or entry.get("commit")
    return bool(tagged) and source.contains(str(tagged), commit)


def since(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What an entry says more than it did. A service of a commit on the way to a version has the rest of it."""
    if not before:
        return [after]
    more = {part: [each for each in after.get(part) or [] if each not in (before.get(part) or [])] for part in PARTS}
    serious = after.get("serious") if more["steps"] or more["contracts"] else "patch"
    return [{**after, **more, "serious": serious}] if any(more.values()) else []


class Ledger:
    """The entries that lie between two commits of the template, newest first."""

    def __init__(self, source: Source, old: str, new: str, yaml: Callable[..., list[Any]]) -> None:
        before, after = (
            [each for each in found or [] if isinstance(each, dict) and "version" in each]
            for found in yaml(source.text(old, LEDGER), source.text(new, LEDGER))
        )
        known = {str(each["version"]): each for each in before}
        self.entries = []
        for each in after:
            there = known.get(str(each["version"]), {})
            if not released(source, each, old) and (not there or there is before[0]):
                self.entries += since(there, each)

    @property
    def serious(self) -> str | None:
        said = [str(each.get("serious", "patch")) for each in self.entries]
        return max(said, key=lambda word: SERIOUS.index(word) if word in SERIOUS else 0) if said else None

    def renamed(self) -> dict[str, str]:
        return {str(r["from"]): str(r["to"]) for e in self.entries for r in e.get("renames") or []}

    def steps(self, own: set[str], lines: str) -> Iterator[Step]:
        """own: paths that the service changed. lines: what it wrote in them."""
        for entry in self.entries:
            version = entry["version"]
            for step in entry.get("steps") or []:
                globs = step.get("touches") or [EVERYBODY]
                touched = EVERYBODY in globs or any(fnmatch(path, glob) for glob in globs for path in own)
                yield Step(f"{version}: {step['do']}", touched)
            for contract in entry.get("contracts") or []:
                was, now = str(contract.get("was")), contract.get("now")
                what = f"{str(contract.get('kind', 'contract')).replace('_', ' ')} {was} is {now or 'gone'}"
                said = any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", lines) for word in (was, was.split(".")[-1]))
                yield Step(f"{version}: {what}: {contract.get('do', '')}".rstrip(": "), said)
            for path in entry.get("removed") or []:
                if path in own:
                    yield Step(f"{version}: {path} is gone", True)
            for rename in entry.get("renames") or []:
                if rename["from"] in own:
                    yield Step(f"{version}: {rename['from']} is now {rename['to']}", True)
