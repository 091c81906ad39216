"""Words in a form in which they can be compared: for the index, for a query, and for what an answer is checked by."""

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise, repeat
from typing import cast
from unicodedata import normalize

import Stemmer

from app.core.languages.identification import UNKNOWN, language_of
from app.core.languages.stop_words import PHRASES, STOP_WORDS, stop_words_of

ANALYZER = "bigrams-1"
"""The version of `index_text` and `query_text`. It is part of an index; both change together, with a new version."""

_RUNS = {
    "han": "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "hiragana": "\u3041-\u309f",
    "katakana": "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff",
    "hangul": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    "thai": "\u0e01-\u0e3a\u0e40-\u0e4e",
    "lao": "\u0e81-\u0ece\u0edc-\u0edf",
    "myanmar": "\u1000-\u103f\u1050-\u109f",
    "khmer": "\u1780-\u17d3",
}
_RUN = "|".join(f"[{letters}]+" for letters in _RUNS.values())
_EAST_ASIAN, _SOUTH_EAST_ASIAN = ("han", "hiragana", "katakana"), ("thai", "lao", "myanmar", "khmer")
_LETTERS_PER_WORD = {2: _EAST_ASIAN, 4: _SOUTH_EAST_ASIAN}
_UNSPACED = {
    count: re.compile(f"[{''.join(_RUNS[script] for script in scripts)}]+")
    for count, scripts in _LETTERS_PER_WORD.items()
}
_IN_RUN = "".join(_RUNS.values())
# A letter with the marks written over and under it; a vowel written before its consonant is a letter of its own.
_SYLLABLE_MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1060\u17b4-\u17d3"
)
_LETTER = re.compile(rf"[^{_SYLLABLE_MARKS}][{_SYLLABLE_MARKS}]*|[{_SYLLABLE_MARKS}]+")
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0dff"
_INVISIBLE = "\u00ad\u0640\u200b\u200c\u200d\u2060\ufeff"
_LATIN = "\x00-\u024f\u1e00-\u1eff"
_PLAIN_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|\d+")
_TERM = re.compile(
    rf"(?P<run>{_RUN})|\d+(?:[.,]\d+)*|[^\W\d_{_IN_RUN}](?:[^\W\d_{_IN_RUN}]|[{_MARKS}])*(?:['’][^\W\d_{_IN_RUN}]+)?|\d+"
)
# What parts a word, or holds several: letters of scripts without spaces, marks over letters, invisible characters.
_NEEDS_CARE = re.compile(rf"[{_IN_RUN}{_MARKS}{_INVISIBLE}]")
_FOREIGN = re.compile(rf"(?P<run>{_RUN})|[^\W\d_{_IN_RUN}{_LATIN}](?:[^\W\d_{_IN_RUN}{_LATIN}]|[{_MARKS}])*")
_REMOVED = dict.fromkeys(map(ord, _INVISIBLE))
_THAI_ORDER = re.compile("\u0e4d([\u0e48-\u0e4b])")
_MAX_CHARACTERS = 60
# A word that is indexed takes fourteen characters of English, with stop words and spaces; a pair of letters takes one.
_PAIRS_PER_WORD = 13
_ELIDED = frozenset({"fr", "it"})
_STEMMED = {
    "ar": "arabic", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fr": "french", "hi": "hindi",
    "it": "italian", "nl": "dutch", "pl": "polish", "pt": "portuguese", "ru": "russian", "tr": "turkish",
}  # fmt: skip
_BY_SCRIPT = (
    ("\u0370", "\u03ff", "el"),
    ("\u0400", "\u04ff", "ru"),
    ("\u0600", "\u06ff", "ar"),
    ("\u0900", "\u097f", "hi"),
)


def normalised(text: str) -> str:
    """The text in which full-width forms, ligatures and composed letters are the same as the plain ones, in lower
    case. It may be longer or shorter than the original, so it is never shown."""
    if text.isascii():
        return text.lower()
    folded = normalize("NFKC", text).translate(_REMOVED).casefold().replace("i\u0307", "i")
    return _THAI_ORDER.sub("\\1\u0e4d", folded).replace("\u0e40\u0e40", "\u0e41")


def index_text(text: str) -> str:
    """A passage as the database is to index it. Scripts that are written without spaces become pairs of letters, and
    words in letters that are not Latin become stems; all other words are left to the database."""
    return text if text.isascii() else _FOREIGN.sub(_tokens, normalised(text))


def length_scale(passage: str) -> float:
    """How many times as many words a passage gets by `index_text` as one of the same length in English."""
    return 1 + _PAIRS_PER_WORD * unspaced(passage)[0] / max(1, len(passage))


def unspaced(text: str) -> tuple[int, int]:
    """The number of letters of scripts that are written without spaces, and of about how many words they are."""
    if text.isascii():
        return 0, 0
    letters = {count: sum(map(len, runs.findall(text))) for count, runs in _UNSPACED.items()}
    return sum(letters.values()), sum(number // count for count, number in letters.items())


def query_text(text: str) -> str:
    """A query as the database is to look it up in texts of `index_text`: without the words that only ask, unless there
    are no others."""
    language = language_of(text)
    if language in ("en", UNKNOWN):
        return index_text(text)
    kept = without_stop_words(text, language)
    return _FOREIGN.sub(_tokens, kept if any(map(str.isalnum, kept)) else normalised(text))


def without_stop_words(question: str, language: str) -> str:
    """What a question in this language is about, normalised, with a space for every word or phrase that only asks."""
    plain, words = normalised(question), STOP_WORDS.get(language)
    if words:
        plain = _TERM.sub(lambda match: " " if _bare(match[0], language) in words else match[0], plain)
    return PHRASES[language].sub(" ", plain) if language in PHRASES else plain


def asked_words(question: str, language: str) -> list[str]:
    """The words of a question that tell what it is about, as of `fold`."""
    text = without_stop_words(question, language) if language in PHRASES else question
    stop_words = stop_words_of(language)
    return [word for word in fold(text, language) if word not in stop_words]


def terms(text: str, language: str = "en") -> list[str]:
    """The stems of all words except stop words, in order, with repeats; for a script without spaces, as `fold`."""
    stop_words = stop_words_of(language)
    return [stem(word, language) for word in fold(text, language) if word not in stop_words]


def fold(text: str, language: str = "en") -> list[str]:
    """The words, without case, possessive or elided article; of a script without spaces, pairs of letters."""
    if text.isascii():
        return [_bare(word, language) for word in _PLAIN_WORD.findall(text.lower())]
    if not _NEEDS_CARE.search(text):
        return [_folded(word, language) for word in _PLAIN_WORD.findall(text)]
    words: list[str] = []
    for match in _TERM.finditer(normalised(text)):
        words += _bigrams(match[0]) if match["run"] else [_bare(match[0], language)]
    return words


def stems_in(text: str, stems: frozenset[str], language: str = "en") -> frozenset[str]:
    """Those of the stems that occur in the text."""
    if not text.isascii() and _NEEDS_CARE.search(text):
        return stems.intersection(terms(text, language))
    return stems.intersection(map(key_of, _PLAIN_WORD.findall(text), repeat(language)))


@lru_cache(maxsize=100_000)
def key_of(word: str, language: str = "en") -> str:
    """The stem of a word as written; empty for a stop word."""
    plain = _folded(word, language)
    return "" if plain in stop_words_of(language) else stem(plain, language)


@lru_cache(maxsize=50_000)
def stem(word: str, language: str = "en") -> str:
    """The stem of a word in lower case; as in English in a language without a stemmer."""
    return _stemmer(_STEMMED.get(language, "english"))(word)


@lru_cache
def _stemmer(algorithm: str) -> Callable[[str], str]:
    return cast(Callable[[str], str], Stemmer.Stemmer(algorithm).stemWord)


@lru_cache(maxsize=50_000)
def _folded(word: str, language: str) -> str:
    return _bare(normalised(word), language)


def _bare(word: str, language: str) -> str:
    cut = word.replace("’", "'")
    if cut[0].isdigit():
        return cut.replace(",", "")
    return cut.rpartition("'")[2] if language in _ELIDED else cut.removesuffix("'s")


def _tokens(match: re.Match[str]) -> str:
    """As words that every configuration of text search takes for one word and leaves as it is."""
    terms = _bigrams(match[0]) if match["run"] else [_stem_by_script(match[0][:_MAX_CHARACTERS])]
    return "".join(f" x{term.encode('utf-16-be').hex()}" for term in terms) + " "


def _bigrams(run: str) -> list[str]:
    """A single letter stands for itself; one of hiragana, which is a particle, for nothing."""
    letters = _LETTER.findall(run)
    if len(letters) == 1:
        return [] if "\u3041" <= run <= "\u309f" else letters
    return [one + two for one, two in pairwise(letters)]


def _stem_by_script(word: str) -> str:
    language = next((code for first, last, code in _BY_SCRIPT if first <= word[0] <= last), UNKNOWN)
    return stem(word, language)
