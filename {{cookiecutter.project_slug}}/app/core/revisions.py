"""The revisions of the schema, read from the names in the migration files."""

import re
from pathlib import Path

from app.core.errors import StartRefused

_ASSIGNED = re.compile(r'^(revision|down_revision)(?:: [^=]+)? = "?(\w*)', re.MULTILINE)


def revisions(root: Path) -> dict[str, str | None]:
    """Every revision with the one before it, read as text: the migration library is slow to import, and every start
    needs this.
    """
    found: dict[str, str | None] = {}
    for path in sorted((root / "migrations" / "versions").glob("*.py")):
        names = dict(_ASSIGNED.findall(path.read_text()))
        found[names["revision"]] = _name(names.get("down_revision", "None"))
    if not found:
        raise StartRefused(f"No migrations were found in {root / 'migrations'}; is APP_ROOT the service's folder?")
    return found


def _name(written: str) -> str | None:
    return None if written == "None" else written


def newest(root: Path) -> str:
    """The revision that this code was written for."""
    known = revisions(root)
    return next(iter(known.keys() - set(known.values())))
