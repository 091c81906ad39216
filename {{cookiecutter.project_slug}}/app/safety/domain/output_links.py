"""No link and nothing that loads leaves in a model's text, and no address that the documents do not hold."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from html import unescape

from app.safety.domain.markup import loads_or_links, neutralise

REMEMBERED = 1_200
"""Characters of what left before, with which a text could still make a link."""

_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,30}:(?=[^\s])|(?<![:/\w])//|\bwww\.)[^\s<>()\[\]{}\"'`|\\^]*", re.IGNORECASE
)
_LEADS_AWAY = re.compile(r"[a-z][a-z0-9+.-]*\s*:|//|\\\\|www|&#|&\w+;|%|@", re.IGNORECASE)
_NAMES_HOST = re.compile(r"\w\.\w")
_CODE = re.compile(r"(?m:^)```[^`]*```|(?<!`)(`+)(?!`)(?:(?!\n\n).)*?(?<!`)\1(?!`)", re.DOTALL)
_TICKS = re.compile(r"`+")


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with everything changed that is no code between backticks."""
    out, at = [], 0
    for code in _CODE.finditer(text):
        out += [change(text[at : code.start()]), code[0]]
        at = code.end()
    return "".join((*out, change(text[at:])))


def closes_its_code(text: str) -> bool:
    """Whether code between backticks ends where the text does, so that what follows is none."""
    return not _TICKS.search(_CODE.sub("", text))


class LinkFilter:
    """Lets the parts of a text pass one after the other, so that they link and load nothing together either.

    known: the texts whose addresses may be repeated, as plain characters.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known
        self._before = ""
        self._trusts_code = True
        self.removed = 0
        self.parted = 0

    def passes(self, text: str) -> str:
        """What may leave of the text: all of it, all with links parted into characters, or nothing."""
        self._trusts_code &= closes_its_code(text)
        shown = self._inert(text)
        if shown and self._links_with_before(shown):
            shown = ""
        if text.strip() and not shown:
            self.removed += 1
        self._before = (self._before + shown)[-REMEMBERED:]
        return shown

    def _links_with_before(self, shown: str) -> bool:
        both = loads_or_links(self._outside(self._before + shown))
        return bool(both) and not set(both) <= set(loads_or_links(self._outside(self._before)))

    def _inert(self, text: str) -> str:
        outside = loads_or_links(self._outside(text))
        found = outside if len(self._outside(text)) == len(text) else loads_or_links(text)
        if any(_LEADS_AWAY.search(each) and not self._is_known(each) for each in found):
            return ""
        if any(_NAMES_HOST.search(each) and not self._is_known(each) for each in outside):
            return ""
        return self._parted(text) if outside or self._names_unknown_host(self._outside(text)) else text

    def _parted(self, text: str) -> str:
        self.parted += 1
        return outside_code(text, neutralise) if self._trusts_code else neutralise(text)

    def _outside(self, text: str) -> str:
        return _CODE.sub("", text) if self._trusts_code else text

    def _names_unknown_host(self, text: str) -> bool:
        """A bare host is linked by some, and its name has room for a secret."""
        words = (word for word in text.split() if "@" not in word and neutralise(word) != word)
        return any(not any(word.strip(".,;:!?()\"'") in known for known in self._known) for word in words)

    def _is_known(self, found: str) -> bool:
        if any(found in known for known in self._known):
            return True
        named = set(_addresses((found, unescape(found))))
        return bool(named) and named <= self._addresses

    @cached_property
    def _addresses(self) -> frozenset[str]:
        return frozenset(_addresses(self._known))


def _addresses(texts: Iterable[str]) -> Iterable[str]:
    return (match[0].rstrip(".,;:!?*_~") for text in texts for match in _ADDRESS.finditer(text))
