"""Compiles all locks with newer versions, runs all tests, and writes what changed: `make refresh`.

build/refresh.md is the message of a commit: its first line is a title, and the rest a table in Markdown. Exit status 1
when the locks could not be written or a test failed. How old a version must be stands in uv.toml.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SERVICE = REPOSITORY / "{{cookiecutter.project_slug}}"
SUMMARY = REPOSITORY / "build" / "refresh.md"
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
NONE = "none"

Pins = Mapping[str, str]
"""The version of each package of a lock; several where platforms differ."""


def pins(lock: str) -> Pins:
    found: dict[str, list[str]] = defaultdict(list)
    for name, version in PIN.findall(lock):
        found[name].append(version)
    return {name: ", ".join(sorted(set(versions))) for name, versions in found.items()}


def locks() -> dict[str, Pins]:
    """All locks of the template and of the service, by their names for readers."""
    folders = {"template": REPOSITORY, "service": SERVICE}
    return {
        f"{whose} {path.stem}": pins(path.read_text(encoding="utf-8"))
        for whose, folder in folders.items()
        for path in sorted(folder.glob("requirements/*.lock"))
    }


def summary(before: Mapping[str, Pins], after: Mapping[str, Pins]) -> str:
    """A title and a table with a row for each change of a package, or a title alone."""
    rows: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for lock in after:
        old, new = before.get(lock, {}), after[lock]
        for name in sorted(old.keys() | new.keys()):
            change = (name, old.get(name, NONE), new.get(name, NONE))
            if change[1] != change[2]:
                rows[change].append(lock)
    if not rows:
        return "Refresh the locks: nothing changed\n"
    count = len({name for name, _, _ in rows})
    lines = [f"Refresh the locks: {count} package{'s' * (count > 1)} changed", ""]
    lines += ["| package | from | to | locks |", "|---|---|---|---|"]
    lines += [f"| {name} | {old} | {new} | {', '.join(rows[name, old, new])} |" for name, old, new in sorted(rows)]
    return "\n".join(lines) + "\n"


def main() -> int:
    before = locks()
    for folder in (REPOSITORY, SERVICE):
        if subprocess.call([sys.executable, str(SERVICE / "scripts" / "lock.py"), "--root", str(folder), "--upgrade"]):
            return 1
    text = summary(before, locks())
    failed = "|" in text and subprocess.call(["make", "--no-print-directory", "test"], cwd=REPOSITORY) != 0
    if "|" in text:
        text += "\nTests failed: the log of this run says which.\n" if failed else "\nAll tests passed.\n"
    SUMMARY.parent.mkdir(exist_ok=True)
    SUMMARY.write_text(text, encoding="utf-8", newline="\n")
    print(text)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
