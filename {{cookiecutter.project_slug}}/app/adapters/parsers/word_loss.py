"""Compares the words of a file, extracted in the simplest way, with those that its parser read."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from app.ingestion.domain.parsed_document import ParsedDocument, WordLoss

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def with_word_loss(document: ParsedDocument, places: Iterable[tuple[str, str]]) -> ParsedDocument:
    """The document with the words that it lost.

    places: all text of the file that readers see, each piece with where it stands. It must not come from the walk that
    produced the document, or both miss the same. What was left out as hidden is not lost: it is reported already.
    """
    read = Counter(_words(f"{document.text}\n{document.hidden}\n{document.title}"))
    found, lost = 0, Counter[str]()
    for place, text in places:
        for word in _words(text):
            found += 1
            if read[word]:
                read[word] -= 1
            else:
                lost[place] += 1
    return replace(document, loss=WordLoss(found, dict(lost.most_common(20))))


def _words(text: str) -> Iterator[str]:
    """Folded; in scripts without blanks every character is one."""
    return (match[0] for match in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()))
