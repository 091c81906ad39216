"""What a model wrote, on its way to the reader: citations that lead nowhere go, and so does what only harms.

Work and memory for each piece do not grow with the length of the answer.
"""

import re

NO_ANSWER = "NO ANSWER"

_OPENERS = "[【"
_CLOSERS = "]】"
_INSIDE = frozenset("0123456789,;- ")
_LONGEST_MARKER = 64
_MARKER = re.compile(r"\[([0-9]{1,3})\]")
_SPECIAL = re.compile(r"[!\[【]")
_LEADING = " \t\r\n\"'*`.“”"


class CitationFilter:
    """Passes text on and keeps only the markers [n] of passages that exist.

    Everything else in square brackets passes as it is, but never as an image that a browser would load by
    itself.
    """

    def __init__(self, passages: int) -> None:
        self._passages = passages
        self._held = ""
        self.cited: set[int] = set()
        self.invented = 0

    def feed(self, piece: str) -> str:
        if not self._held and not _SPECIAL.search(piece):
            return piece
        out, at = [], 0
        while at < len(piece):
            if not self._held:
                special = _SPECIAL.search(piece, at)
                until = special.start() if special else len(piece)
                out.append(piece[at:until])
                at = until
            if at < len(piece):
                out.append(self._next(piece[at]))
                at += 1
        return "".join(out)

    def end(self) -> str:
        held, self._held = self._held, ""
        return held

    def _next(self, char: str) -> str:
        held = self._held
        if char in _OPENERS:
            self._held = char
            return "" if held.startswith("!") else held
        if char == "!":
            # A run of them is held together: whatever is left of it before a bracket would make an image.
            run = held.startswith("!")
            self._held = held + char if run else char
            return "" if run else held
        if not held:
            return char
        if held[0] in _OPENERS and len(held) < _LONGEST_MARKER:
            if char in _INSIDE:
                self._held += char
                return ""
            if char in _CLOSERS:
                self._held = ""
                return self._resolve(held[1:], char)
        self._held = ""
        return held + char

    def _resolve(self, inside: str, closer: str) -> str:
        named = [int(number) for number in re.findall(r"\d+", inside)]
        if not named:
            return f"[{inside}{closer}"
        known = [number for number in dict.fromkeys(named) if 1 <= number <= self._passages]
        self.invented += len(set(named)) - len(known)
        self.cited.update(known)
        return "".join(f"[{number}]" for number in known)


class NoAnswerDetector:
    """Holds back the beginning of an answer until it is clear that it is one, and not the word for having
    none.
    """

    def __init__(self) -> None:
        self._held: str | None = ""
        self.no_answer = False

    def feed(self, piece: str) -> str:
        if self._held is None:
            return "" if self.no_answer else piece
        self._held += piece
        begun = self._held.lstrip(_LEADING).upper()
        if len(begun) <= len(NO_ANSWER) and NO_ANSWER.startswith(begun):
            return ""
        return self._decide(begun)

    def end(self) -> str:
        if self._held is None:
            return ""
        return self._decide(self._held.lstrip(_LEADING).upper())

    def _decide(self, begun: str) -> str:
        held, self._held = self._held or "", None
        self.no_answer = begun.startswith(NO_ANSWER) and not begun[len(NO_ANSWER) : len(NO_ANSWER) + 1].isalnum()
        return "" if self.no_answer else held


def cited_numbers(text: str) -> list[int]:
    return [int(number) for number in _MARKER.findall(text)]


def without_citations(text: str) -> str:
    return _MARKER.sub("", text)
