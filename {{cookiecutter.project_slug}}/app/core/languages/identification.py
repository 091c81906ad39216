"""The language of a short text, by its script and its function words: it is too short for statistics of letters."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import name as unicode_name

from app.core.languages.stop_words import STOP_WORDS

UNKNOWN = "und"
_SAMPLE = 2_000
_WORD = re.compile(r"[^\W\d_]+")
_WORDS_OF_ONE_LETTER = frozenset("aàeèéiouwyz")
_APOSTROPHES = frozenset("'\u2019")
_SCRIPTS = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CJK": "zh",
    "ARABIC": "ar",
    "HEBREW": "he",
    "GREEK": "el",
    "DEVANAGARI": "hi",
    "THAI": "th",
    "CYRILLIC": "ru",
}
_LATIN = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr")
_BY_WORD = {
    word: tuple(language for language in _LATIN if word in STOP_WORDS[language])
    for word in frozenset().union(*(STOP_WORDS[language] for language in _LATIN))
}
_LETTERS = {
    **dict.fromkeys("ąćęłńśźż", "pl"),
    **dict.fromkeys("ğışİ", "tr"),
    **dict.fromkeys("ñ¿¡", "es"),
    **dict.fromkeys("ãõ", "pt"),
    **dict.fromkeys("äß", "de"),
    **dict.fromkeys("êëîœ", "fr"),
}


def language_of(text: str) -> str:
    """A code of ISO 639-1, or `und`. Deterministic; Latin text without any known function word is `und`."""
    return _language_of(text[:_SAMPLE])


@lru_cache(maxsize=4096)
def _language_of(text: str) -> str:
    if not text.isascii() and (script := _script_of(text)):
        return script
    lower = text.lower()
    scores = Counter(language for word in _function_words(text) for language in _BY_WORD.get(word, ()))
    if not text.isascii():
        scores.update(_LETTERS[letter] for letter in set(lower) if letter in _LETTERS)
    first, second = [*scores.most_common(2), ("", 0), ("", 0)][:2]
    return first[0] if first[1] > second[1] else UNKNOWN


def _function_words(text: str) -> Iterator[str]:
    """The words, without single letters that name something, as in `Plan C` or `Vitamin d`."""
    for match in _WORD.finditer(text):
        word = match[0].lower()
        if len(word) > 1 or _is_word_of_one_letter(match, text):
            yield word


def _is_word_of_one_letter(match: re.Match[str], text: str) -> bool:
    elided = not _APOSTROPHES.isdisjoint(text[max(0, match.start() - 1) : match.end() + 1])
    permitted = _WORDS_OF_ONE_LETTER if match[0].islower() or not match.start() else "i"
    return elided or match[0].lower() in permitted


def _script_of(text: str) -> str:
    """The language of the script that most letters have, if it stands for one; empty for Latin letters. Beside kana,
    Chinese characters are Japanese."""
    letters = Counter(each for each in text if each.isalpha())
    counted: Counter[str] = Counter()
    for letter, count in letters.items():
        counted[_SCRIPTS.get(_script(letter), "")] += count
    if counted["ja"]:
        counted["ja"] += counted.pop("zh", 0)
    language, count = max(counted.items(), key=lambda pair: pair[1], default=("", 0))
    return language if 2 * count > letters.total() else ""


@lru_cache(maxsize=10_000)
def _script(letter: str) -> str:
    """The first word of its name in Unicode, whatever its width."""
    return unicode_name(letter, "").removeprefix("HALFWIDTH ").split(" ")[0].split("-")[0]
