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
_MAX_JOINED, _MIN_JOINED = 1_000, 3
_MAX_BETWEEN = 1_000
"""Characters that the parser may have added before a piece."""
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_SPACED_WORD = re.compile(r"[^\W_]+")
_ANY_UNSPACED = re.compile(f"[{_UNSPACED}]")
_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()}
_LETTERS = bytes(ord("a" if chr(code).isalnum() else " ") for code in range(256))


def with_word_loss(
    document: ParsedDocument, places: Places, pieces: Callable[[], Iterable[str]] | None = None
) -> ParsedDocument:
    """The document with the words that it lost.

    places: must not come from the walk that produced the document, or both miss the same. What was left out as hidden
    is not lost: it is reported already. pieces: the same text, found faster and perhaps with words in parts; asked
    first, and where it shows no loss, nothing else is.
    """
    if pieces is not None:
        quick = _Comparison(document)
        quick.add_all(pieces())
        if quick.found and quick.is_complete():
            return replace(document, loss=WordLoss(quick.found))
    compared = _Comparison(document)
    compared.add_all(text for _, text in places())
    read = (document.hidden, document.title, document.text)
    lost = {} if compared.is_complete() else _lost(_counted(read), places(), _counted([document.hidden]))
    return replace(document, loss=WordLoss(compared.found, lost))


class _Comparison:
    """Looks for each piece of the file where the text goes on, which proves its words; counts the others.

    found: the words of the file.
    """

    def __init__(self, document: ParsedDocument) -> None:
        self.found = 0
        self._text = document.text
        self._at = 0
        self._words = Counter[str]()
        self._between = [document.hidden, document.title]

    def add_all(self, pieces: Iterable[str]) -> None:
        """One loop without calls of its own: a file has tens of thousands of pieces."""
        text, at = self._text, self._at
        proven, others, length = list[str](), list[str](), 0
        for each in pieces:
            if not (piece := each.strip()):
                continue
            size = len(piece)
            start = text.find(piece, at, at + size + _MAX_BETWEEN)
            if start >= 0 and _is_apart(text, start, start + size):
                proven.append(piece)
                self._between.append(text[at:start])
                at = start + size
            else:
                others.append(piece)
            length += size
            if length > _COUNTED_TOGETHER:
                self._count(proven, others)
                proven, others, length = [], [], 0
        self._count(proven, others)
        self._at = at

    def is_complete(self) -> bool:
        if not self._words:
            return True
        return self._words <= _counted((*self._between, self._text[self._at :]))

    def _count(self, proven: Iterable[str], others: Iterable[str]) -> None:
        self.found += sum(map(_count_of_words, _cut("\n".join(proven))))
        for text in _cut("\n".join(others)):
            words = _words(text)
            self.found += len(words)
            self._words.update(words)


def _is_apart(text: str, start: int, end: int) -> bool:
    """Whether no word goes on over these places."""
    if start and text[start - 1].isalnum() and text[start : start + 1].isalnum():
        return False
    return not (end and text[end - 1].isalnum() and text[end : end + 1].isalnum())


def _lost(read: Counter[str], places: Iterable[tuple[str, str]], hidden: Counter[str]) -> dict[str, int]:
    """How many words were not read, by place. What was read counts for the first places that have it."""
    lost = Counter[str]()
    joined = 0
    for place, text in places:
        for word in chain.from_iterable(map(_words, _cut(text))):
            if left := read.get(word):
                read[word] = left - 1
            elif joined < _MAX_JOINED and _is_joined(word, read, hidden):
                joined += 1
            else:
                lost[place[:_MAX_PLACE_CHARACTERS]] += 1
    return _shortened(lost)


def _is_joined(word: str, read: Counter[str], hidden: Counter[str]) -> bool:
    """Whether it is a hidden word with what stands around it without a blank, which was read."""
    for each in hidden if len(hidden) < _MAX_JOINED else ():
        if len(each) >= _MIN_JOINED and each in word and word != each:
            rest = [part for part in word.split(each, 1) if part]
            if all(map(read.get, rest)) or read.get("".join(rest)):
                return True
    return False


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
    plain, others = _by_script(text)
    return [*plain.lower().translate(_ASCII).split(), *_words_of_others(others)]


def _count_of_words(text: str) -> int:
    """As many as `_words` has, without making them."""
    plain, others = _by_script(text)
    starts = b" " + plain.encode("ascii").translate(_LETTERS)
    return starts.count(b" a") + len(_words_of_others(others))


def _by_script(text: str) -> tuple[str, str]:
    """The lines of ASCII characters, and the others."""
    if text.isascii():
        return text, ""
    plain, others = list[str](), list[str]()
    for line in text.split("\n"):
        (plain if line.isascii() else others).append(line)
    return "\n".join(plain), "\n".join(others)


def _words_of_others(text: str) -> list[str]:
    if not text:
        return []
    folded = unicodedata.normalize("NFKC", text).casefold()
    return (_WORD if _ANY_UNSPACED.search(folded) else _SPACED_WORD).findall(folded)
