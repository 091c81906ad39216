"""Spellings that hide what a text says from a search, whatever it says."""

import re
from collections.abc import Iterator

from app.safety.domain.canonical import fold, latin
from app.safety.domain.decoding import readings
from app.safety.domain.text import Finding

_WORD = re.compile(r"[^\W\d_]{4,}")
_LATIN = re.compile(r"[a-z]")
_SENTENCE = re.compile(r"[^\W\d_]{2,}(?:[ ,]{1,2}[^\W\d_]+){3,}")
_ENCODINGS = frozenset({"after decoding base64", "after decoding hexadecimal", "after decoding binary"})
_GREEK = re.compile(r"[\u0370-\u03ff]")


def disguises(text: str) -> Iterator[Finding]:
    """Words in letters of two alphabets that look alike, and sentences in an encoding."""
    if mixed := list(_mixed(text)):
        detail = "words mix letters of alphabets that look alike"
        yield Finding("look_alikes", detail, len(mixed), mixed[0].start(), mixed[0].end())
    for reading in readings(text):
        if reading.how in _ENCODINGS and _SENTENCE.search(reading.text):
            yield Finding("encoded_text", f"contains a readable sentence {reading.how}")
            return


def _mixed(text: str) -> Iterator[re.Match[str]]:
    """In a text that is mostly Latin. One Greek letter is a unit or a symbol more often than a disguise."""
    if text.isascii():
        return
    for match in _WORD.finditer(text):
        word = match[0]
        if word.isascii() or len(folded := fold(word)) != len(word):
            continue
        foreign = sum(one != other for one, other in zip(folded, latin(folded), strict=True))
        letters = len(_LATIN.findall(folded))
        if foreign and letters > foreign and not (foreign == 1 and _GREEK.search(word)):
            yield match
