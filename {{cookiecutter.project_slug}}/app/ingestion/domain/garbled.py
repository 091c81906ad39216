"""Text that has letters but no words: read from a file whose letters cannot be told, or whose blanks are missing.

The limits were chosen on the messages of Django 5.2 in 58 languages with Latin letters, as they are and with exchanged
and shifted letters.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"(?<!\S)\S*\d\S*|([a-z]{3,})")
_ABBREVIATION = re.compile(r"(?<=[a-z\d,;:.)/] )[A-Z]{2,6}(?=[,;:.)/]{0,2}(?:\s|$))")
# Scripts that are written without blanks between words.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_COMMON, _VOWELS = frozenset("aeinorstl"), frozenset("aeiouy")
_WINDOW = 150
_LEAST_SHARE, _LEAST_SHORT = 0.47, 0.42
_VARIETY = 0.35
"""The least share of a window that its different words make up."""
_MIN_LETTERS = 40
_GARBLED_SHARE = 0.2
_UNKNOWN_SHARE = 0.05
_LONG_WORD, _LONG_SHARE = 25, 0.3
_MIN_LINES, _SINGLE_SHARE, _ENDED_SHARE = 20, 0.9, 0.03
_SAMPLE = 200_000


def why_garbled(text: str) -> str:
    """What is wrong with it, as a sentence; empty for a text. Numbers, codes and lists of words are no reason."""
    sample = _sampled(text)
    words = [word for word in _WORD.findall(sample) if not _UNSPACED.search(word)]
    if _unknown(sample) > _UNKNOWN_SHARE:
        return "The file does not tell which letters its signs stand for."
    if _doubled(words) > _GARBLED_SHARE:
        return "Most letters are there twice."
    if sum(len(word) for word in words if len(word) > _LONG_WORD) > _LONG_SHARE * sum(map(len, words)):
        return "There are no blanks between words."
    if _has_one_word_a_line(sample):
        return "Nearly every line has one word only."
    shares = list(_meaningless(sample)) if _is_latin(sample) else ()
    if shares and sum(shares) > _GARBLED_SHARE * len(shares):
        return "The letters do not form words of any language."
    return ""


def _sampled(text: str) -> str:
    if len(text) <= _SAMPLE:
        return text
    size = _SAMPLE // 100
    return "\n".join(text[start : start + size] for start in range(0, len(text), len(text) // 100))


def _unknown(text: str) -> float:
    return text.count("\ufffd") / max(1, sum(not each.isspace() for each in text))


def _doubled(words: list[str]) -> float:
    """The share of words in which each letter is followed by itself."""
    long = [word for word in words if len(set(word)) > 1 and len(word) > 3]
    doubled = sum(len(word) % 2 == 0 and word[::2] == word[1::2] for word in long)
    return doubled / len(long) if doubled > 2 else 0.0


def _has_one_word_a_line(text: str) -> bool:
    """In a text of sentences, not in a list."""
    lines = [line for line in text.splitlines() if _WORD.search(line)]
    single = [line.strip() for line in lines if len(line.split()) == 1 and not _UNSPACED.search(line)]
    ended = sum(line.endswith((".", ",", ";", "?", "!")) for line in single)
    enough = len(lines) >= _MIN_LINES and len(single) > _SINGLE_SHARE * len(lines)
    return enough and _ENDED_SHARE * len(single) < ended < 0.5 * len(single)


def _is_latin(text: str) -> bool:
    letters = [each for each in text.casefold() if each.isalpha()]
    return 2 * sum(each < "\u0250" for each in letters) > len(letters)


def _meaningless(text: str) -> Iterator[bool]:
    """For each window of Latin letters whether too few are common ones, or vowels and consonants do not alternate. One
    of the same words again and again, such as the terms of a list of parts, says nothing.
    """
    for words in _windows(text):
        letters = "".join(words)
        if sum(map(len, set(words))) < _VARIETY * len(letters):
            continue
        common = sum(letter in _COMMON for letter in letters) / len(letters)
        pairs = [(a in _VOWELS) != (b in _VOWELS) for word in words for a, b in pairwise(word)]
        alternating = sum(pairs) / len(pairs)
        if len(letters) >= _WINDOW:
            yield min(common, alternating) < _LEAST_SHARE
        else:
            yield max(common, alternating) < _LEAST_SHORT


def _windows(text: str) -> Iterator[list[str]]:
    """Words without accents; codes with digits, and abbreviations in capitals between other words, are left out. Only
    the one window of a short text has fewer than 150 letters.
    """
    spoken = _ABBREVIATION.sub("", text).casefold()
    plain = "".join(each for each in unicodedata.normalize("NFD", spoken) if not unicodedata.combining(each))
    window: list[str] = []
    size, full = 0, False
    for word in filter(None, _LATIN.findall(plain)):
        window.append(word)
        size += len(word)
        if size >= _WINDOW:
            yield window
            window, size, full = [], 0, True
    if size >= _MIN_LETTERS and not full:
        yield window
