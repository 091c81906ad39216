"""What an expanding migration may not do, because code of the version before runs on the schema after it."""

import re
from collections.abc import Iterable, Iterator, Mapping

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
_BODY = re.compile(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'", re.S)
_NAME = r"(?:if (?:not )?exists )?(?:only )?(?:\"?public\"?\.)?\"?(\w+)\"?"
_CREATED = re.compile(rf"create table {_NAME}")
_ALTERED = re.compile(rf"alter table {_NAME} (.*)")
_INDEX = re.compile(rf"create (unique )?index (concurrently )?{_NAME} on {_NAME}")
_DROPPED = re.compile(r"drop (table|view|materialized view|function|type|sequence|schema|extension|policy) (\S+)")
_CLAUSES: Mapping[str, str] = {
    r"\bdrop column\b": "drops a column",
    r"\brename\b": "renames what the code before reads",
    r"\balter (column )?\w+ (set data )?type\b": "changes the type of a column",
    r"\balter (column )?\w+ set not null\b": "demands a value that the code before may not write",
    r"\balter (column )?\w+ drop default\b": "takes away a default that the code before relies on",
    r"\badd (constraint|unique|check|foreign key|primary key)\b(?!.*\bnot valid\b)": "checks rows of the code before; "
    "add the constraint as NOT VALID, and validate it in the next release",
}
_ADDED = re.compile(r"\badd (?:column )?(?!constraint|unique|check|foreign|primary)(.*?)(?=, add |$)")


def violations(statements: Iterable[str], locks: Mapping[str, str]) -> Iterator[str]:
    """What the statements of one expanding migration do that they may not, each as a clause.

    locks: tables that may be locked while an index is built, with the reason. Tables that the migration itself creates
    are free.
    """
    created: set[str] = set()
    for statement in statements:
        for part in _plain(statement).split(";"):
            yield from _violations(part.strip(), created, locks)


def _plain(statement: str) -> str:
    """In lower case, without comments, quoted text and bodies of functions."""
    return " ".join(_BODY.sub("''", _COMMENT.sub(" ", statement)).lower().split())


def _violations(part: str, created: set[str], locks: Mapping[str, str]) -> Iterator[str]:
    if match := _CREATED.match(part):
        created.add(match[1])
    elif match := _INDEX.match(part):
        if match[4] not in created:
            yield from _index(match[4], bool(match[1]), bool(match[2]), locks)
    elif match := _ALTERED.match(part):
        if match[1] not in created:
            yield from (f"{match[1]}: {what}" for what in _altered(match[2]))
    elif match := _DROPPED.match(part):
        yield f"{match[2]}: drops a {match[1]}"
    elif part.startswith(("revoke", "truncate")) and " from public" not in part:
        yield f"{part.split()[0]}s what the code before uses"


def _index(table: str, unique: bool, concurrently: bool, locks: Mapping[str, str]) -> Iterator[str]:
    if unique:
        yield f"{table}: a unique index refuses rows that the code before writes"
    if not concurrently and table not in locks:
        yield f"{table}: writes wait while the index is built; build it CONCURRENTLY, or name the table in `locks`"


def _altered(clause: str) -> Iterator[str]:
    for pattern, what in _CLAUSES.items():
        if re.search(pattern, clause):
            yield what
    for column in _ADDED.findall(clause):
        if "not null" in column and "default" not in column and "generated" not in column:
            yield "adds a column without a default that the code before does not fill"
