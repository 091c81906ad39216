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
    if mixed := _mixed(text):
        detail = "words mix letters of alphabets that look alike"
        yield Finding("look_alikes", detail, len(mixed), mixed[0].start(), mixed[0].end())
    for reading in readings(text):
        if reading.how in _ENCODINGS and _SENTENCE.search(reading.text):
            yield Finding("encoded_text", f"contains a readable sentence {reading.how}")
            return


def _mixed(text: str) -> list[re.Match[str]]:
    """None in a text of another alphabet, which may mix a foreign word with an ending of its own. One Greek letter is a
    unit or a symbol more often than a disguise.
    """
    if text.isascii():
        return []
    mixed, of_another_alphabet = [], 0
    for match in _WORD.finditer(text):
        word = match[0]
        if word.isascii() or len(folded := fold(word)) != len(word):
            continue
        alike = sum(one != other for one, other in zip(folded, latin(folded), strict=True))
        letters = len(_LATIN.findall(folded))
        of_another_alphabet += not letters
        if alike and letters > alike and not (alike == 1 and _GREEK.search(word)):
            mixed.append(match)
    return mixed if len(mixed) > of_another_alphabet else []
