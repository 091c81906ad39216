"""The parts of a text that a classifier scores: the text as a whole, and each of its sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_WHOLE_CHARACTERS = 4_000
_MAX_WINDOWS = 4_000
_MAX_SENTENCE_CHARACTERS = 600
_MIN_CHARACTERS = 12
# Possessive: what could be given back would be remembered, in a hundred bytes for each character of a long line.
_SENTENCE = re.compile(r"[^\s](?:[^.!?。！？\n]++|[.!?](?=\S))*+[.!?。！？]*")
_HEADING = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)? *:?")
"""One word, such as "Instructions:", which says nothing alone."""
_LETTERS = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True, slots=True)
class Window:
    """start: in characters of the text that it is a part of."""

    text: str
    start: int
    whole: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def windows_of(text: str) -> list[Window]:
    """At most some thousand of them; a longer text is screened by the rules alone beyond that."""
    found = list(_sentences(text))
    if len(text) <= MAX_WHOLE_CHARACTERS and len(found) > 1:
        found.insert(0, Window(text, 0, whole=True))
    elif len(found) == 1:
        found = [Window(found[0].text, found[0].start, whole=True)]
    return found


def _sentences(text: str) -> Iterator[Window]:
    count = 0
    for match in _SENTENCE.finditer(text):
        for start in range(match.start(), match.end(), _MAX_SENTENCE_CHARACTERS):
            part = text[start : min(match.end(), start + _MAX_SENTENCE_CHARACTERS)]
            if len(part) >= _MIN_CHARACTERS and _LETTERS.search(part) and not _HEADING.fullmatch(part):
                yield Window(part, start)
                count += 1
        if count >= _MAX_WINDOWS:
            return
