"""Compares the words of a file, extracted in the simplest way, with those that its parser read."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from app.ingestion.domain.parsed_document import ParsedDocument, WordLoss

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_MAX_PLACES = 20
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def with_word_loss(document: ParsedDocument, places: Iterable[tuple[str, str]]) -> ParsedDocument:
    """The document with the words that it lost.

    places: all text of the file that readers see, each piece with where it stands. It must not come from the walk that
    produced the document, or both miss the same. What was left out as hidden is not lost: it is reported already.
    """
    read = Counter(_words(f"{document.hidden}\n{document.title}"))
    for line in document.text.split("\n"):
        read.update(_words(line))
    found, lost = 0, Counter[str]()
    for place, text in places:
        words = _words(text)
        found += len(words)
        for word in words:
            if left := read.get(word):
                read[word] = left - 1
            else:
                lost[place] += 1
    return replace(document, loss=WordLoss(found, _shortened(lost)))


def _shortened(lost: Counter[str]) -> dict[str, int]:
    """The places that lost most, and all others as one, so that the sum stays what it was."""
    most = dict(lost.most_common(_MAX_PLACES))
    others = lost.total() - sum(most.values())
    return most | {"other places": others} if others else most


def _words(text: str) -> list[str]:
    """Folded; in scripts without blanks every character is one."""
    return _WORD.findall(text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold())
