"""Removal of links, loading markup and addresses from a model's text, unless the policy names their host."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from html import unescape

from app.safety.domain.link_hosts import LinkHosts
from app.safety.domain.markup import loads_or_links, neutralise
from app.safety.domain.output_filter.permitted_links import PermittedLinks

MAX_CONTEXT_CHARACTERS = 1_200
"""Of the preceding output, which the next text could continue to a link."""

_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,30}:(?=[^\s])|(?<![:/\w])//|\bwww\.)[^\s<>()\[\]{}\"'`|\\^]*", re.IGNORECASE
)
_LEADS_AWAY = re.compile(r"[a-z][a-z0-9+.-]*\s*:|//|\\\\|www|&#|&\w+;|%|@", re.IGNORECASE)
_NAMES_HOST = re.compile(r"\w\.\w")
_CODE = re.compile(r"(?m:^)```[^`]*```|(?<!`)(`+)(?!`)(?:(?!\n\n).)*?(?<!`)\1(?!`)", re.DOTALL)
_TICKS = re.compile(r"`+")
NO_HOSTS = LinkHosts()


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Apply `change` to the text outside of code between backticks."""
    out, at = [], 0
    for code in _CODE.finditer(text):
        out += [change(text[at : code.start()]), code[0]]
        at = code.end()
    return "".join((*out, change(text[at:])))


def closes_its_code(text: str) -> bool:
    """Whether all code between backticks is closed at the end of the text."""
    return not _TICKS.search(_CODE.sub("", text))


class LinkFilter:
    """Filters the parts of a text in order, so that they do not combine to a link or loading markup either.

    Links to `hosts` stay links. known: the texts whose addresses may be repeated, without being linked.
    """

    def __init__(self, known: Sequence[str], hosts: LinkHosts = NO_HOSTS) -> None:
        self._known = known
        self.permitted = PermittedLinks(hosts)
        self._before = ""
        self._trusts_code = True
        self.removed = 0
        self.parted = 0

    def passes(self, text: str) -> str:
        """The permitted output for a text: the text, the text with its links neutralised, or an empty string."""
        self._trusts_code &= closes_its_code(text)
        rest, links = self.permitted.extract(text)
        permitted = self.permitted.restore(self._inert(rest), links)
        if permitted and self._links_with_before(permitted):
            permitted = ""
        if text.strip() and not permitted:
            self.removed += 1
        self._before = (self._before + permitted)[-MAX_CONTEXT_CHARACTERS:]
        return permitted

    def _links_with_before(self, permitted: str) -> bool:
        whole = self._outside(self._before + permitted)
        both = loads_or_links(self.permitted.extract(whole)[0])
        if both and not set(both) <= set(loads_or_links(self.permitted.extract(self._outside(self._before))[0])):
            return True
        return not self.permitted.only(whole) and self.permitted.only(self._outside(self._before))

    def _inert(self, text: str) -> str:
        outside = loads_or_links(self._outside(text))
        anywhere = outside if len(self._outside(text)) == len(text) else loads_or_links(text)
        if any(_LEADS_AWAY.search(each) and not self._is_known(each) for each in anywhere):
            return ""
        if any(_NAMES_HOST.search(each) and not self._is_known(each) for each in outside):
            return ""
        return self._neutralise(text) if outside or self._names_unknown_host(self._outside(text)) else text

    def _neutralise(self, text: str) -> str:
        self.parted += 1
        return outside_code(text, neutralise) if self._trusts_code else neutralise(text)

    def _outside(self, text: str) -> str:
        return _CODE.sub("", text) if self._trusts_code else text

    def _names_unknown_host(self, text: str) -> bool:
        """Some renderers link a bare host name, and it can carry a secret."""
        words = (
            word for word in text.split() if "@" not in word and neutralise(word) != self._without_references(word)
        )
        return any(not any(word.strip(".,;:!?()\"'") in known for known in self._known) for word in words)

    def _without_references(self, word: str) -> str:
        """A reference is inert without its definition, which has to be permitted itself."""
        return word.replace("][", "] [").replace("![", "! [") if self.permitted.hosts.names else word

    def _is_known(self, fragment: str) -> bool:
        if any(fragment in known for known in self._known):
            return True
        named = set(_addresses((fragment, unescape(fragment))))
        return bool(named) and named <= self._addresses

    @cached_property
    def _addresses(self) -> frozenset[str]:
        return frozenset(_addresses(self._known))


def _addresses(texts: Iterable[str]) -> Iterable[str]:
    return (match[0].rstrip(".,;:!?*_~") for text in texts for match in _ADDRESS.finditer(text))
