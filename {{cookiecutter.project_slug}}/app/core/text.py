"""Input validation: only text and numbers that JSON can represent and PostgreSQL can store."""

import json
import math
import re
from typing import Any
from urllib.parse import parse_qsl

from app.core.errors import Invalid

LARGEST, LARGEST_32 = 2**63 - 1, 2**31 - 1
"""The largest integers accepted, for a 64-bit and a 32-bit column."""
MAX_LEVELS = 100
"""Of objects and lists inside each other; what is deeper cannot be written as JSON again."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Bytes that could decode to one of these. A body in UTF-16 or UTF-32 contains zero bytes.
_SUSPECT = re.compile(rb"\x00|\xed[\xa0-\xbf]|\\u(?:0000|[dD][89a-fA-F])|NaN|Infinity|[0-9]{19}|[eE]\+?[0-9]{3}")

Path = tuple[Any, ...]
"""The position of a value: (path of its container, key in it)."""


def clean(text: str) -> str:
    """The text with U+FFFD for characters that cannot be stored. For text from programs; input of users is rejected."""
    return _UNSTORABLE.sub("\ufffd", text)


def flaw_in(text: str) -> str | None:
    """What is wrong with a text, as the predicate of a sentence about it; None when it can be stored."""
    if match := _UNSTORABLE.search(text):
        kind = "the character U+0000" if match[0] == "\0" else f"a lone surrogate (U+{ord(match[0]):04X})"
        return f"contains {kind}, which cannot be stored"
    return None


def refusal(field: str, message: str) -> Invalid:
    """The problem that names a field, in the format of validation errors."""
    field = clean(field)[:200]
    errors = [{"field": field, "message": message, "kind": "unstorable"}]
    return Invalid(f"{field}: {message}.", action="Correct the fields named in 'errors'.", errors=errors)


def check_text(text: str, field: str) -> str:
    """Return the text if it can be stored. Errors: Invalid, naming the field."""
    if message := flaw_in(text):
        raise refusal(field, message)
    return text


def check_json(body: bytes) -> None:
    """Errors: Invalid, naming the first field whose value cannot be stored. Does not report JSON that is malformed."""
    if not _SUSPECT.search(body) and body.count(b"{") + body.count(b"[") <= MAX_LEVELS:
        return
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return  # the parser of the route reports it
    check_value(value, "body")


def check_value(value: object, name: str) -> None:
    """As check_json, for a parsed value."""
    stack: list[tuple[Path, object, int]] = [((None, name), value, 1)]
    while stack:
        where, each, level = stack.pop()
        if level > MAX_LEVELS and isinstance(each, dict | list):
            raise refusal(_dotted(where), f"has more than {MAX_LEVELS} levels of objects and lists")
        if message := _flaw(each):
            raise refusal(_dotted(where), message)
        if isinstance(each, dict):
            for key in each:
                if message := flaw_in(str(key)):
                    raise refusal(_dotted((where, key)), f"the name {message}")
            stack += (((where, key), inner, level + 1) for key, inner in each.items())
        elif isinstance(each, list):
            stack += (((where, place), inner, level + 1) for place, inner in enumerate(each))


def _flaw(value: object) -> str | None:
    if isinstance(value, str):
        return flaw_in(value)
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        return "is a number of more than 64 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    return None


def _dotted(where: Path | None) -> str:
    parts: list[str] = []
    while where is not None:
        where, key = where
        parts.append(str(key))
    return ".".join(reversed(parts))


def check_query(query: bytes) -> None:
    """Check a query string. Errors: Invalid, naming the parameter."""
    if b"%00" not in query and b"\0" not in query:
        return
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        check_text(name, "query")
        check_text(value, f"query.{name}")


def safe_str(value: object) -> str:
    """Any value as text that UTF-8 can encode, even if its own conversion fails."""
    try:
        return str(value).encode("utf-8", "backslashreplace").decode()
    except Exception:
        return f"<{type(value).__name__}>"
