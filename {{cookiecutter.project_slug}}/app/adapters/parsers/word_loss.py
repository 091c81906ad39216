"""Compares the words of a file, extracted in the simplest way, with those that its parser read."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from app.ingestion.domain.parsed_document import ParsedDocument, WordLoss

Places = Callable[[], Iterable[tuple[str, str]]]
"""Gives all text of a file that readers see, each piece with where it stands; the same at each call."""

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_MAX_PLACES = 20
_MAX_PLACE_CHARACTERS = 100
_COUNTED_TOGETHER = 100_000
"""Characters: few calls, and no long list of words in memory."""
_MAX_BETWEEN = 1_000
"""Characters that the parser may have added before a piece."""
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_SPACED_WORD = re.compile(r"[^\W_]+")
_ANY_UNSPACED = re.compile(f"[{_UNSPACED}]")
_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()}


def with_word_loss(document: ParsedDocument, places: Places) -> ParsedDocument:
    """The document with the words that it lost.

    places: must not come from the walk that produced the document, or both miss the same. What was left out as hidden
    is not lost: it is reported already.
    """
    compared = _Comparison(document)
    for _, text in places():
        compared.add(text)
    read = (document.hidden, document.title, document.text)
    lost = {} if compared.is_complete() else _lost(_counted(read), places())
    return replace(document, loss=WordLoss(compared.found, lost))


class _Comparison:
    """Looks for each piece of the file where the text goes on, which proves its words; counts the others.

    found: the words of the file so far.
    """

    def __init__(self, document: ParsedDocument) -> None:
        self.found = 0
        self._text = document.text
        self._at = 0
        self._rest, self._length = list[str](), 0
        self._words = Counter[str]()
        self._between = [document.hidden, document.title]

    def add(self, piece: str) -> None:
        piece = piece.strip()
        length = len(piece)
        start = self._text.find(piece, self._at, self._at + length + _MAX_BETWEEN)
        if start >= 0 and _is_apart(self._text, start, start + length):
            self.found += sum(len(_words(part)) for part in _cut(piece))
            self._between.append(self._text[self._at : start])
            self._at = start + length
            return
        for part in _cut(piece):
            self._rest.append(part)
            self._length += len(part)
            if self._length > _COUNTED_TOGETHER:
                self._count()

    def is_complete(self) -> bool:
        self._count()
        if not self._words:
            return True
        return self._words <= _counted((*self._between, self._text[self._at :]))

    def _count(self) -> None:
        words = _words("\n".join(self._rest))
        self.found += len(words)
        self._words.update(words)
        self._rest, self._length = [], 0


def _is_apart(text: str, start: int, end: int) -> bool:
    """Whether no word goes on over these places."""
    before, after = text[max(0, start - 1) : start + 1], text[max(0, end - 1) : end + 1]
    return not (start and before.isalnum()) and not (len(after) > 1 and after.isalnum())


def _lost(read: Counter[str], places: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How many words were not read, by place. What was read counts for the first places that have it."""
    lost = Counter[str]()
    for place, text in places:
        for word in chain.from_iterable(map(_words, _cut(text))):
            if left := read.get(word):
                read[word] = left - 1
            else:
                lost[place[:_MAX_PLACE_CHARACTERS]] += 1
    return _shortened(lost)


def _shortened(lost: Counter[str]) -> dict[str, int]:
    """The places that lost most, and all others as one, so that the sum stays what it was."""
    most = dict(lost.most_common(_MAX_PLACES))
    others = lost.total() - sum(most.values())
    return most | {"other places": others} if others else most


def _counted(texts: Iterable[str]) -> Counter[str]:
    words = Counter[str]()
    for text in _pieces(texts):
        words.update(_words(text))
    return words


def _pieces(texts: Iterable[str]) -> Iterator[str]:
    """The same words in pieces of about the same size, which are cut only where lines end."""
    piece, length = list[str](), 0
    for text in texts:
        for part in _cut(text):
            piece.append(part)
            length += len(part)
            if length >= _COUNTED_TOGETHER:
                yield "\n".join(piece)
                piece, length = [], 0
    yield "\n".join(piece)


def _cut(text: str) -> Iterator[str]:
    """Where lines end, into parts that are not long."""
    if len(text) <= _COUNTED_TOGETHER:
        yield text
        return
    start = 0
    while start < len(text):
        end = text.find("\n", start + _COUNTED_TOGETHER)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end


def _words(text: str) -> list[str]:
    """Folded; in scripts without blanks every character is one."""
    if text.isascii():
        return text.lower().translate(_ASCII).split()
    words, others = list[str](), list[str]()
    for line in text.split("\n"):
        (words if line.isascii() else others).append(line)
    folded = unicodedata.normalize("NFKC", "\n".join(others)).casefold()
    found = (_WORD if _ANY_UNSPACED.search(folded) else _SPACED_WORD).findall(folded)
    return [*"\n".join(words).lower().translate(_ASCII).split(), *found]
