"""The revisions of the schema, read from the names in the migration files."""

import re
from pathlib import Path

from app.core.errors import StartRefused

_ASSIGNED = re.compile(r'^(revision|down_revision)(?:: [^=]+)? = "?(\w*)', re.MULTILINE)


def revisions(root: Path) -> dict[str, str | None]:
    """Every revision with its down revision, read as text: Alembic is slow to import, and every start
    needs this.
    """
    parents: dict[str, str | None] = {}
    for path in sorted((root / "migrations" / "versions").glob("*.py")):
        names = dict(_ASSIGNED.findall(path.read_text(encoding="utf-8")))
        parents[names["revision"]] = _name(names.get("down_revision", "None"))
    if not parents:
        raise StartRefused(f"No migrations were found in {root / 'migrations'}; is APP_ROOT the service's folder?")
    return parents


_PHASE = re.compile(r'^phase = "(expand|contract)"$', re.MULTILINE)


def phases(root: Path) -> dict[str, str]:
    """Whether each revision expands the schema or contracts it, where its migration says so."""
    found: dict[str, str] = {}
    for path in sorted((root / "migrations" / "versions").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if match := _PHASE.search(text):
            found[dict(_ASSIGNED.findall(text))["revision"]] = match[1]
    return found


def supported(revision: str, root: Path) -> list[str]:
    """The revisions whose code may run on the schema of `revision`: that itself, and each before it as long as only
    expanding migrations lie between. A contracting one takes away what the code just before it no longer uses.
    """
    parents, known = revisions(root), phases(root)
    reached = [revision]
    while (phase := known.get(reached[-1])) and (parent := parents[reached[-1]]):
        reached.append(parent)
        if phase == "contract":
            break
    return reached


def _name(value: str) -> str | None:
    return None if value == "None" else value


def newest(root: Path) -> str:
    """The revision that this code was written for."""
    parents = revisions(root)
    return next(iter(parents.keys() - set(parents.values())))
