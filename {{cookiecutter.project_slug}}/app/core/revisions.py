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
        names = dict(_ASSIGNED.findall(path.read_text()))
        parents[names["revision"]] = _name(names.get("down_revision", "None"))
    if not parents:
        raise StartRefused(f"No migrations were found in {root / 'migrations'}; is APP_ROOT the service's folder?")
    return parents


def _name(value: str) -> str | None:
    return None if value == "None" else value


def newest(root: Path) -> str:
    """The revision that this code was written for."""
    parents = revisions(root)
    return next(iter(parents.keys() - set(parents.values())))
