"""Filters a model's text piece by piece: removes citations of nothing, and detects NO ANSWER. Work and
memory for each piece do not grow with the length of the answer.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

NO_ANSWER = "NO ANSWER"

_OPENERS = "[【"
_CLOSERS = "]】"
_INSIDE = frozenset("0123456789,;- ")
_LONGEST_MARKER = 64
_MARKER = re.compile(r"\[([0-9]{1,3})\]")
_SPECIAL = re.compile(r"[\[【]")
_LEADING = " \t\r\n\"'*`.“”"


class CitationFilter:
    """Removes markers [n] of passages that do not exist. Other text in square brackets is kept."""

    def __init__(self, passages: int) -> None:
        self._passages = passages
        self._buffer = ""
        self.cited: set[int] = set()
        self.invented = 0

    def feed(self, piece: str) -> str:
        if not self._buffer and not _SPECIAL.search(piece):
            return piece
        out, at = [], 0
        while at < len(piece):
            if not self._buffer:
                special = _SPECIAL.search(piece, at)
                until = special.start() if special else len(piece)
                out.append(piece[at:until])
                at = until
            if at < len(piece):
                out.append(self._next(piece[at]))
                at += 1
        return "".join(out)

    def end(self) -> str:
        buffered, self._buffer = self._buffer, ""
        return buffered

    def _next(self, char: str) -> str:
        buffered = self._buffer
        if char in _OPENERS:
            self._buffer = char
            return buffered
        if not buffered:
            return char
        if buffered[0] in _OPENERS and len(buffered) < _LONGEST_MARKER:
            if char in _INSIDE:
                self._buffer += char
                return ""
            if char in _CLOSERS:
                self._buffer = ""
                return self._resolve(buffered[1:], char)
        self._buffer = ""
        return buffered + char

    def _resolve(self, inside: str, closer: str) -> str:
        named = [int(number) for number in re.findall(r"\d+", inside)]
        if not named:
            return f"[{inside}{closer}"
        existing = [number for number in dict.fromkeys(named) if 1 <= number <= self._passages]
        self.invented += len(set(named)) - len(existing)
        self.cited.update(existing)
        return "".join(f"[{number}]" for number in existing)


class NoAnswerDetector:
    """Buffers the beginning of a text until it is clear whether it is NO ANSWER."""

    def __init__(self) -> None:
        self._buffer: str | None = ""
        self.no_answer = False

    def feed(self, piece: str) -> str:
        if self._buffer is None:
            return "" if self.no_answer else piece
        self._buffer += piece
        begun = self._buffer.lstrip(_LEADING).upper()
        if len(begun) <= len(NO_ANSWER) and NO_ANSWER.startswith(begun):
            return ""
        return self._decide(begun)

    def end(self) -> str:
        if self._buffer is None:
            return ""
        return self._decide(self._buffer.lstrip(_LEADING).upper())

    def _decide(self, begun: str) -> str:
        buffered, self._buffer = self._buffer or "", None
        self.no_answer = begun.startswith(NO_ANSWER) and not begun[len(NO_ANSWER) : len(NO_ANSWER) + 1].isalnum()
        return "" if self.no_answer else buffered


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker [number] at text[start:end]."""

    number: int
    start: int
    end: int


def markers_in(text: str) -> Iterator[Marker]:
    """Every marker, in its order."""
    return (Marker(int(found[1]), found.start(), found.end()) for found in _MARKER.finditer(text))


def cited_numbers(text: str) -> list[int]:
    return [int(number) for number in _MARKER.findall(text)]


def without_citations(text: str) -> str:
    return _MARKER.sub("", text)
