"""Pseudonyms of one request: a value has the same one everywhere in it, and only its process knows which."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.safety.domain.personal_data.detection import PersonalDataDetector
from app.safety.domain.personal_data.findings import KINDS, Kind

NAMES: dict[Kind, str] = {kind: kind.upper() for kind in KINDS}
# A model may escape the underscore, as Markdown does.
_PSEUDONYM = re.compile(rf"(?<!(?a:\w))({'|'.join(NAMES.values())})\\?_(\d{{1,6}})(?!(?a:\w))")
_LONGEST = max(map(len, NAMES.values())) + 8
_TAIL = re.compile(r"(?<!(?a:\w))[A-Z][A-Z_]*\\?_?\d{0,6}\Z")


@dataclass
class Pseudonyms:
    """Replaces the personal data of texts by words such as EMAIL_1, and puts it back.

    The mapping lives as long as this object, and is part of no representation of it.
    """

    detector: PersonalDataDetector
    _by_value: dict[tuple[Kind, str], str] = field(default_factory=dict, repr=False)
    _values: dict[str, str] = field(default_factory=dict, repr=False)
    _taken: set[str] = field(default_factory=set, repr=False)
    _next: dict[Kind, int] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        """Whether anything was replaced."""
        return bool(self._values)

    @property
    def example(self) -> str:
        return next(iter(self._values))

    def reserve(self, texts: Sequence[str]) -> None:
        """Uses no pseudonym that already stands in these texts. To be called before `replace`."""
        matches = (match for text in texts if "_" in text for match in _PSEUDONYM.finditer(text))
        self._taken |= {f"{match[1]}_{match[2]}" for match in matches}

    def replace(self, text: str) -> str:
        out, at = [], 0
        for found in self.detector.find(text):
            out += [text[at : found.start], self._of(found.kind, text[found.start : found.end])]
            at = found.end
        return "".join((*out, text[at:])) if out else text

    def restore(self, text: str, start: int = 0) -> str:
        """The text with the values instead of their pseudonyms; other words of that form stay, and what is before
        `start`.
        """

        def value_of(match: re.Match[str]) -> str:
            own = match.start() >= start
            return self._values.get(f"{match[1]}_{match[2]}", match[0]) if own else match[0]

        return _PSEUDONYM.sub(value_of, text) if self._values else text

    def stream(self) -> "RestoredStream":
        return RestoredStream(self)

    def may_be_cut(self, text: str) -> int:
        """How many characters at the end of a text may be the beginning of a pseudonym, or one that goes on."""
        if not self._values:
            return 0
        tail = _TAIL.search(text, max(0, len(text) - _LONGEST))
        if not tail:
            return 0
        name = tail[0].rstrip("0123456789").rstrip("_").rstrip("\\")
        return len(tail[0]) if any(each.startswith(name) for each in self._names_in_use) else 0

    @property
    def _names_in_use(self) -> set[str]:
        return {NAMES[kind] for kind in self._next}

    def _of(self, kind: Kind, value: str) -> str:
        if (known := self._by_value.get((kind, value))) is not None:
            return known
        number = self._next.get(kind, 0) + 1
        while f"{NAMES[kind]}_{number}" in self._taken:
            number += 1
        pseudonym, self._next[kind] = f"{NAMES[kind]}_{number}", number
        self._by_value[kind, value] = pseudonym
        self._values[pseudonym] = value
        return pseudonym


@dataclass
class RestoredStream:
    """Puts values back into a text that arrives in pieces. Holds back only what may be part of a pseudonym."""

    pseudonyms: Pseudonyms
    _held: str = field(default="", repr=False)
    _before: str = field(default="", repr=False)

    def feed(self, piece: str) -> str:
        """Adds a piece; returns what can be read of the text by now."""
        text = self._before + self._held + piece
        cut = max(len(self._before), len(text) - self.pseudonyms.may_be_cut(text))
        self._held = text[cut:]
        return self._restored(text[:cut])

    def end(self) -> str:
        text, self._held = self._before + self._held, ""
        return self._restored(text)

    def _restored(self, text: str) -> str:
        """Restores a text together with the character before it, which decides where a word begins."""
        known, self._before = len(self._before), text[-1:]
        return self.pseudonyms.restore(text, known)[known:]
