"""The revisions of the schema, read from the migration files: the template's chain, and the team's own beside it."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import StartRefused

VERSIONS, EXTENSIONS = "versions", "extensions"
"""The folders of migrations/: the template's chain, and the team's, which has its folder's name as branch label."""
NO_EXTENSIONS = f"{EXTENSIONS}@base"
"""In place of a revision: the team's chain before its first."""
_ASSIGNED = re.compile(r"""^(revision|down_revision|depends_on|phase)(?:: [^=]+)? = \(?["']?(\w*)""", re.MULTILINE)
_LABEL = re.compile(rf"""^branch_labels(?:: [^=]+)? = \(?["']{EXTENSIONS}["']""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Migration:
    """below: the revision before it. depends_on: the template's revision that it needs. file: for messages."""

    below: str | None
    depends_on: str | None
    phase: str | None
    file: str
    labelled: bool


def _read(root: Path, folder: str) -> dict[str, _Migration]:
    """Read as text: Alembic is slow to import, and every start needs this. Errors: StartRefused."""
    found: dict[str, _Migration] = {}
    for path in sorted((root / "migrations" / folder).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        names = {name: value for name, value in _ASSIGNED.findall(text) if value != "None"}
        if not (revision := names.get("revision")):
            raise StartRefused(f"migrations/{folder}/{path.name} names no revision; 'app migrate --new' writes one.")
        if other := found.get(revision):
            raise StartRefused(
                f"migrations/{folder}: {other.file} and {path.name} are both revision {revision}; give one of them "
                "another revision, with the other one as its down_revision."
            )
        below, depends_on = names.get("down_revision"), names.get("depends_on")
        found[revision] = _Migration(below, depends_on, names.get("phase"), path.name, bool(_LABEL.search(text)))
    return found


def revisions(root: Path) -> dict[str, str | None]:
    """Every revision of the template's chain with its down revision. Errors: StartRefused, where there is none."""
    parents = {revision: each.below for revision, each in _read(root, VERSIONS).items()}
    if not parents:
        raise StartRefused(f"No migrations were found in {root / 'migrations'}; is APP_ROOT the service's folder?")
    return parents


def extensions(root: Path) -> dict[str, str | None]:
    """Every revision of the team's own chain with its down revision. Errors: StartRefused, when it cannot be run."""
    template, own = revisions(root), _read(root, EXTENSIONS)
    for revision, each in own.items():
        where = f"migrations/{EXTENSIONS}/{each.file}"
        if revision in template:
            raise StartRefused(f"{where}: {revision} is a revision of the template; call yours x{revision}.")
        if each.depends_on and each.depends_on not in template:
            raise StartRefused(f"{where}: depends_on is {each.depends_on}, which migrations/{VERSIONS} does not have.")
        if each.below and each.below not in own:
            raise StartRefused(
                f"{where}: its down_revision {each.below} is not in migrations/{EXTENSIONS}; name the one before it "
                "there, and the template's revision that it needs in depends_on."
            )
        if each.below is None and not (each.labelled and each.depends_on):
            raise StartRefused(
                f'{where}: the first one needs branch_labels = ("{EXTENSIONS}",) and, in depends_on, the template\'s '
                f"newest revision, {newest(root)}."
            )
    return {revision: each.below for revision, each in own.items()}


def phases(root: Path) -> dict[str, str]:
    """Whether each revision expands the schema or contracts it, where its migration says so."""
    every = _read(root, VERSIONS) | _read(root, EXTENSIONS)
    return {revision: each.phase for revision, each in every.items() if each.phase in ("expand", "contract")}


def supported(revision: str, root: Path) -> list[str]:
    """The revisions whose code may run on the schema of `revision`: that itself, and each before it as long as only
    expanding migrations lie between. A contracting one takes away what the code just before it no longer uses.
    """
    parents, known = revisions(root) | extensions(root), phases(root)
    reached = [revision]
    while (phase := known.get(reached[-1])) and (parent := parents[reached[-1]]):
        reached.append(parent)
        if phase == "contract":
            break
    return reached


def supported_code(state: Collection[str], root: Path) -> list[str]:
    """The revisions whose code may run on a schema that has these, and NO_EXTENSIONS where code without any migration
    of the team may.
    """
    found = [each for revision in state for each in supported(revision, root)]
    known = phases(root)
    own = reached(root, state) & extensions(root).keys()
    return [*found, NO_EXTENSIONS] if all(known.get(each) == "expand" for each in own) else found


def newest(root: Path) -> str:
    """The template's revision that this code was written for. Errors: StartRefused, when there are two."""
    [head] = _heads(revisions(root), VERSIONS, f"move yours to migrations/{EXTENSIONS}, where the template has none")
    return head


def newest_extension(root: Path) -> str | None:
    """The revision of the team's own chain that this code needs. Errors: StartRefused, when there are two."""
    cure = "set the down_revision of one of them to the other"
    return next(iter(_heads(extensions(root), EXTENSIONS, cure)), None)


def required(root: Path) -> tuple[str, ...]:
    """The newest revision of each chain."""
    own = newest_extension(root)
    return (newest(root), own) if own else (newest(root),)


def _heads(parents: Mapping[str, str | None], folder: str, cure: str) -> list[str]:
    heads = sorted(parents.keys() - set(parents.values()))
    if len(heads) > 1:
        raise StartRefused(f"migrations/{folder} has {len(heads)} heads, {' and '.join(heads)}: {cure}.")
    return heads


def reached(root: Path, applied: Iterable[str]) -> set[str]:
    """The revisions that a database has which names these: Alembic leaves out what the named ones imply."""
    every = _read(root, VERSIONS) | _read(root, EXTENSIONS)
    found: set[str] = set()
    waiting = list(applied)
    while waiting:
        revision = waiting.pop()
        if revision in every and revision not in found:
            found.add(revision)
            waiting += [each for each in (every[revision].below, every[revision].depends_on) if each]
    return found


def current(root: Path, applied: Iterable[str]) -> tuple[str, ...]:
    """The newest revision of each chain that a database has, the template's first; those that no file here has too."""
    named = list(applied)
    there = reached(root, named)
    unknown = sorted(set(named) - there)
    tips = [sorted(there & chain.keys() - {chain[each] for each in there & chain.keys()}) for chain in _chains(root)]
    return (*tips[0], *tips[1], *unknown)


def _chains(root: Path) -> tuple[dict[str, str | None], dict[str, str | None]]:
    return revisions(root), extensions(root)
