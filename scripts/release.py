"""Releases the newest version of UPGRADES.yaml: its date, its part of the changelog, one commit and its tag.

`make release` pushes nothing. It refuses in one sentence, and then nothing has changed.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.ledger import LEDGER, REPOSITORY, Refused, dump, git, problems, read

CHANGELOG = "CHANGELOG.md"
FRAGMENTS = "changelog.d"
TESTED = "build/tested"
BY_HAND = re.compile(r"^By hand: (.+)", re.MULTILINE)


def fragments(root: Path) -> list[Path]:
    return sorted(path for path in (root / FRAGMENTS).glob("*.md") if path.name != "README.md")


def note_tests(root: Path) -> None:
    """Remembers that this very commit has passed; a tree with changes is not what would be released."""
    if not git(root, "status", "--porcelain"):
        (root / TESTED).parent.mkdir(exist_ok=True)
        (root / TESTED).write_text(git(root, "rev-parse", "HEAD"), encoding="utf-8")


def refusals(root: Path) -> Iterator[str]:
    newest = read(root)[0]
    tested = root / TESTED
    if git(root, "status", "--porcelain"):
        yield "the tree has changes: commit them first"
    if not tested.is_file() or tested.read_text(encoding="utf-8") != git(root, "rev-parse", "HEAD"):
        yield "this commit has not passed its tests: run make test"
    if newest["date"] is not None:
        yield f"{LEDGER} has no entry for a new version: run make ledger, and write what owners have to do"
        return
    yield from (f"{LEDGER}: {each}" for each in problems(root))
    if git(root, "tag", "--list", f"v{newest['version']}"):
        yield f"the tag v{newest['version']} is there already"
    if not fragments(root):
        yield f"{FRAGMENTS}/ says nothing of this version"
    for path in fragments(root):
        said = BY_HAND.findall(path.read_text(encoding="utf-8"))
        if len(said) != 1:
            yield f"{FRAGMENTS}/{path.name}: one line says what owners have to do, `By hand: nothing.` at least"
        elif said != ["nothing."] and newest["serious"] != "major":
            yield f"{FRAGMENTS}/{path.name}: a step by hand makes a version major"


def changelog(root: Path, heading: str) -> str:
    """The changelog with a section of this version: its fragments, then what stood under Unreleased."""
    before, _, rest = (root / CHANGELOG).read_text(encoding="utf-8").partition("\n## ")
    rest = rest.removeprefix("Unreleased\n\n") if rest.startswith("Unreleased") else f"## {rest}"
    new = "\n\n".join(path.read_text(encoding="utf-8").strip() for path in fragments(root))
    return f"{before}\n## {heading}\n\n{new}\n\n{rest}"


def release(root: Path) -> str:
    """The tag that was made. Errors: Refused."""
    refused = list(refusals(root))
    if refused:
        raise Refused("Not released: " + "; ".join(refused) + ".")
    entries = read(root)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    version = entries[0]["version"]
    entries[0]["date"] = today
    head = git(root, "rev-parse", "HEAD").strip()
    try:
        write(root, entries, f"{version} ({today})")
        git(root, "commit", "--quiet", "--message", f"Release {version}")
        git(root, "tag", "--annotate", "--message", f"Version {version}", f"v{version}")
    except Refused:  # as by a hook, or a signature that cannot be made; the tree had no changes
        git(root, "reset", "--quiet", "--hard", head)
        raise
    return f"v{version}"


def write(root: Path, entries: Sequence[Mapping[str, Any]], heading: str) -> None:
    """Changelog and ledger of this version, staged."""
    (root / CHANGELOG).write_text(changelog(root, heading), encoding="utf-8", newline="\n")
    (root / LEDGER).write_text(dump(entries), encoding="utf-8", newline="\n")
    for path in fragments(root):
        path.unlink()
    git(root, "add", "--all", "--", CHANGELOG, LEDGER, FRAGMENTS)


def main() -> int:
    parser = argparse.ArgumentParser(description="Release the newest version of the ledger.")
    parser.add_argument("--note-tests", action="store_true", help="remember that this commit has passed")
    try:
        if parser.parse_args().note_tests:
            note_tests(REPOSITORY)
        else:
            print(f"{release(REPOSITORY)} is tagged here: push the branch and the tag.")
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
