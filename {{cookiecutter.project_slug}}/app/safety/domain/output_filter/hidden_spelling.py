"""Other readings of a text in which a credential or a canary could stand: encoded, enciphered, reversed or spelled."""

import re
from collections.abc import Iterable

from app.core.secret_patterns import KEY_BEGINS, tokens_in

# Single characters between blanks, perhaps as a list; and single letters between signs.
_ITEM = r"(?:\d{1,3}[.):][ \t]*(?:\S(?=\s|\Z))?|[*•>][ \t]+\S|[\"'`]?\S[\"'`]?)(?:\s+|\Z)"
_APART = re.compile(rf"(?<!\S)(?:{_ITEM}){{8,}}")
_SIGN = re.compile(r"(?:\d{1,3}[.):][ \t]*|[*•>][ \t]+)?[\"'`]?(\S)[\"'`]?(?:\s+|\Z)")
_JOINED = re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z0-9_+/=.:][ ]?[,;|/·-]+[ ]?){8,}[A-Za-z0-9_+/=.:]?")
_BETWEEN = re.compile(r"[ ]?[,;|/·-]+[ ]?")
_TAIL_CHARACTERS = 160


def spelled(text: str) -> list[str]:
    """The words that are written as single characters, with spaces, signs or list numbers between them."""
    apart = ["".join(_SIGN.findall(run[0])) for run in _APART.finditer(text)]
    joined = [_BETWEEN.sub("", run[0]) for run in _JOINED.finditer(text)]
    return [*apart, *(word.replace("-", "") for word in apart if "-" in word), *joined]


def ends_spelling(text: str) -> bool:
    """Whether the text ends within a word that is written character by character."""
    tail = text[-_TAIL_CHARACTERS:]
    return any(run.end() == len(tail) for form in (_APART, _JOINED) for run in form.finditer(tail))


def hides_token(text: str, views: Iterable[str]) -> bool:
    """Whether one of the readings of a text contains a credential of a known form."""
    keys = not _begins_key(text)
    return any((keys and _begins_key(view)) or next(tokens_in(view), None) for view in views)


def _begins_key(text: str) -> bool:
    """The words are found much faster than the pattern fails."""
    return ("PRIVATE" in text or "PuTTY" in text) and KEY_BEGINS.search(text) is not None
