"""Writes what git knows about the newest version into UPGRADES.yaml: renames, removed files, removed contracts.

`make ledger` opens an entry when the newest version is released, and fills it otherwise. People write what is to be
done by hand (`do`, `now`, `steps`), and it stays. Run it after `git add`, because git follows only files that it knows.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
LEDGER = "UPGRADES.yaml"
SERVICE = "{{cookiecutter.project_slug}}"
HEAD = """\
# What owners of generated services must know to follow the template, newest version first. `make upgrade` of a service
# shows what concerns its edits. serious: major (a step by hand is needed), minor or patch. While the first number of a
# version is 0, the second one rises for major. `make ledger` writes what git knows; people write `do`, `now`, `steps`.
"""
# Where each kind of contract is listed, and what one looks like there.
PAGES = {
    "policy_key": ("policies.md", re.compile(r"^## policies/(\S+)\.yaml|^\| `([\w.*\[\]-]+)` \|", re.MULTILINE)),
    "reason_code": ("problems.md", re.compile(r"^\| \d+ \| `()(\w+)` \|", re.MULTILINE)),
    "setting": ("settings.md", re.compile(r"^\| `()([A-Z][A-Z0-9_]+)` \|", re.MULTILINE)),
    "metric": ("metrics.md", re.compile(r"^\| `()(\w+)` \|", re.MULTILINE)),
    "route": ("routes.md", re.compile(r"^\| `()([A-Z]+ /[^`]*)` \|", re.MULTILINE)),
}


class Refused(Exception):
    """What is wrong, in one sentence that says what to do."""


@dataclass(frozen=True)
class Changes:
    """What owners of a service lose between two states. contracts: (kind, name). Paths are those of a service."""

    renames: Mapping[str, str]
    removed: frozenset[str]
    contracts: frozenset[tuple[str, str]]


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise Refused(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def contracts(root: Path, commit: str | None = None) -> frozenset[tuple[str, str]]:
    """The contracts that the reference pages list, at a commit or in the working tree."""
    found = set()
    for kind, (page, pattern) in PAGES.items():
        path = f"{SERVICE}/docs/reference/{page}"
        text = git(root, "show", f"{commit}:{path}") if commit else (root / path).read_text(encoding="utf-8")
        file = ""
        for heading, name in pattern.findall(text):
            file = f"{heading}." if heading else file
            found |= {(kind, f"{file}{name}")} if name else set()
    return frozenset(found)


def changes(root: Path, old: str, new: str | None = None) -> Changes:
    """From `old` to `new`, or to the working tree."""
    span = [old] if new is None else [old, new]
    listed = git(root, "diff", "--name-status", "-z", "-M", "-l0", "--no-rename-empty", *span, "--", SERVICE)
    parts = iter(part.removeprefix(f"{SERVICE}/") for part in listed.split("\0") if part)
    renames, removed = {}, set()
    for status in parts:
        path = next(parts)
        if status.startswith("R"):
            renames[path] = next(parts)
        elif status == "D":
            removed.add(path)
    return Changes(renames, frozenset(removed), contracts(root, old) - contracts(root, new))


def read(root: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.safe_load((root / LEDGER).read_text(encoding="utf-8"))
    return entries


def commit_of(root: Path, entry: Mapping[str, Any]) -> str:
    """The commit of a released version: recorded, or that of its tag."""
    return str(entry.get("commit") or git(root, "rev-parse", "--verify", f"v{entry['version']}^{{commit}}").strip())


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def meanings(old: str, new: str) -> set[str]:
    """What the step from one version to the next can say of itself."""
    (a, b, _), (x, y, _) = number(old), number(new)
    if x > a or (x == a == 0 and y > b):
        return {"major"}
    if x == a == 0:
        return {"minor", "patch"}
    return {"minor"} if y > b else {"patch"}


def filled(entry: Mapping[str, Any], found: Changes) -> dict[str, Any]:
    """The entry with what git knows. What people wrote stays where it still holds."""
    renames = {each["from"]: each["to"] for each in entry.get("renames", [])}
    written = {(each["kind"], each["was"]): each for each in entry.get("contracts", [])}
    gone = sorted(found.removed | set(found.renames))
    moved = {path: renames.get(path) or found.renames.get(path) for path in gone}
    return {
        **entry,
        "renames": [{"from": path, "to": to} for path, to in moved.items() if to],
        "removed": [path for path, to in moved.items() if not to],
        "contracts": [
            written.get(each) or {"kind": each[0], "was": each[1], "now": None, "do": None}
            for each in sorted(found.contracts | set(written))
        ],
    }


def dump(entries: Sequence[Mapping[str, Any]]) -> str:
    """The ledger as text: a line for each rename, contract and step, so that a change of one is a change of a line."""
    lines = [HEAD]
    for entry in entries:
        mark = "- "
        for key, value in entry.items():
            if isinstance(value, list) and value:
                lines.append(f"{mark}{key}:\n" + "".join(f"    - {one_line(each)}\n" for each in value))
            else:
                lines.append(f"{mark}{key}: {one_line(value)}\n")
            mark = "  "
    return "".join(lines)


def one_line(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def problems(root: Path) -> list[str]:
    """What the newest entry does not say, what no longer holds of it, and whether its number fits."""
    newest, last = read(root)[:2]
    said = [*_paths(root, newest, last), *_contracts(root, newest, last)]
    if (newest["contracts"] or newest["steps"]) and newest["serious"] != "major":
        said.append("a step by hand makes a version major")
    if newest["serious"] not in meanings(last["version"], newest["version"]):
        said.append(f"{newest['version']} after {last['version']} is not a {newest['serious']} step")
    return sorted(said)


def _paths(root: Path, newest: Mapping[str, Any], last: Mapping[str, Any]) -> Iterator[str]:
    found = changes(root, commit_of(root, last))
    renames = {each["from"]: each["to"] for each in newest["renames"]}
    written = [*renames, *newest["removed"]]
    here = {path for path in [*written, *renames.values()] if (root / SERVICE / path).exists()}
    gone = found.removed | set(found.renames)
    yield from (f"{path} is gone without an entry: make ledger" for path in gone - set(written))
    yield from (f"{path} is listed as gone and is there" for path in written if path in here)
    yield from (f"{path} is the new name of a file and is not there" for path in renames.values() if path not in here)


def _contracts(root: Path, newest: Mapping[str, Any], last: Mapping[str, Any]) -> Iterator[str]:
    here = contracts(root)
    written = {(each["kind"], each["was"]): each for each in newest["contracts"]}
    gone = contracts(root, commit_of(root, last)) - here
    yield from (f"{kind} {name} is gone without an entry: make ledger" for kind, name in gone - set(written))
    for (kind, name), each in written.items():
        if not each["do"]:
            yield f"{kind} {name}: write under `do` what an owner has to do"
        if (kind, name) in here:
            yield f"{kind} {name} is listed as gone and is there"
        if each["now"] and (kind, each["now"]) not in here:
            yield f"{kind} {name} became {each['now']}, which is not there"


def main() -> int:
    try:
        entries = read(REPOSITORY)
        if entries[0]["date"] is not None:
            entries[0].setdefault("commit", commit_of(REPOSITORY, entries[0]))
            x, y, z = number(entries[0]["version"])
            fresh: dict[str, Any] = {
                "version": f"{x}.{y}.{z + 1}",
                "date": None,
                "serious": "patch",
                "renames": [],
                "removed": [],
            }
            entries.insert(0, {**fresh, "contracts": [], "steps": []})
        entries[0] = filled(entries[0], changes(REPOSITORY, commit_of(REPOSITORY, entries[1])))
        (REPOSITORY / LEDGER).write_text(dump(entries), encoding="utf-8", newline="\n")
        print("\n".join(problems(REPOSITORY)) or f"{LEDGER} says all that version {entries[0]['version']} changed.")
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
