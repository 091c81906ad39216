"""Detection of prompt leaks: parts of the prompt in a text, verbatim, enciphered or encoded."""

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from html import unescape
from operator import sub
from urllib.parse import unquote

from app.safety.domain.letter_codes import STYLED, letter_codes

WORDS, DISTINCTIVE, LETTERS = 8, 5, 40
"""Runs of so many words, of so many longer words, or of so many letters are not a coincidence."""
_BEGINNING_LETTERS = 16
_MIN_SENTENCE_LETTERS = 20

_SENTENCE_END = re.compile(r"[.!?:;\n]+(?:\s|$)")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_CODE_WORD = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[^\W\d_])\w[\w-]{4,}\w")
_PACKED = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,6}")
_HEX_PAIR = re.compile(r"(?:\\x|0x|[%=])?([0-9A-Fa-f]{2})[\s,:;-]{0,2}")
_HEX = re.compile(rf"(?:{_HEX_PAIR.pattern}){{12,}}")
_BITS = re.compile(r"(?:[01]{7,8}[\s,]{0,2}){12,}")
_CODES = re.compile(r"(?:\d{2,3}[\s,;-]{1,2}){12,}\d{0,3}")
_ESCAPE = re.compile(r"\\[uU]\{?([0-9A-Fa-f]{4,8})\}?")
_LOOKALIKES = str.maketrans("аеорсухіјѕһԁԛԝɡοανικρτυχ", "aeopcyxijshdqwgoavikptux")
_LEET = str.maketrans("013457@$!|", "oleastasil")
_ASCII = "".join(map(chr, range(128)))
# Deleting bytes is several times faster than translating text, and nearly every text is ASCII.
_OTHER_THAN_LETTERS = "".join(c for c in _ASCII if not c.isalpha()).encode()
_SIGNS = "".join(c for c in _ASCII if not c.isalnum()).encode()


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text).casefold().translate(_LOOKALIKES | STYLED)
    return "".join(c for c in text if not unicodedata.combining(c)) if not text.isascii() else text


def _letters(text: str) -> str:
    if text.isascii():
        return text.encode().translate(None, _OTHER_THAN_LETTERS).decode()
    return "".join(filter(str.isalpha, text))


def _runs(letters: str, length: int) -> Iterator[str]:
    return (letters[at : at + length] for at in range(len(letters) - length + 1))


def _word_runs(words: Sequence[str], length: int) -> Iterator[str]:
    return (" ".join(words[at : at + length]) for at in range(len(words) - length + 1))


_STEPS = bytes(range(97, 123))
"""A letter for each distance; one backwards is found from the end."""


def _steps(letters: str) -> str:
    """The distance from each letter to the next, which is the same for a text and all its Caesar ciphers."""
    codes = letters.encode("ascii", errors="ignore")
    return bytes(map(_STEPS.__getitem__, map(sub, codes[1:], codes))).decode("ascii")


@dataclass(frozen=True)
class _Prompt:
    """The features by which a prompt is recognised."""

    text: str

    @cached_property
    def letters(self) -> str:
        return _letters(self.text)

    @cached_property
    def word_runs(self) -> frozenset[str]:
        return frozenset(_word_runs_of(self.text))

    @cached_property
    def sentences(self) -> frozenset[str]:
        parts = (part for part in _SENTENCE_END.split(self.text) if len(_WORD.findall(part)) >= 4)
        return frozenset(each for part in parts if len(each := _letters(part)) >= _MIN_SENTENCE_LETTERS)

    @cached_property
    def code_words(self) -> frozenset[str]:
        return frozenset(bare(word) for word in _CODE_WORD.findall(self.text))

    @cached_property
    def ciphers(self) -> str:
        """The steps of the prompt, also backwards and in the mirrored alphabet."""
        forms = (self.letters, self.letters[::-1])
        return " ".join(_steps(form) for form in (*forms, *(each.translate(_ATBASH) for each in forms)))


_ATBASH = str.maketrans("abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba")


@lru_cache(maxsize=16)
def _prompt(text: str) -> _Prompt:
    return _Prompt(_plain(text))


def _word_runs_of(plain: str) -> Iterator[str]:
    """The runs of words by which a text is recognised."""
    words = [word for word in _WORD.findall(plain) if not word.isdecimal()]
    long = [word for word in words if len(word) > 4]
    yield from (f"words {run}" for run in _word_runs(words, WORDS))
    yield from (f"long {run}" for run in _word_runs(long, DISTINCTIVE))


def _shares_run(letters: str, others: str) -> bool:
    """Whether both have a run of `LETTERS` in common. Such a run holds one of the halves looked for, whole."""
    half = LETTERS // 2
    near = (at for at in range(0, len(letters) - half + 1, half) if letters[at : at + half] in others)
    return any(run in others for at in near for run in _runs(letters[max(0, at - half) : at + LETTERS + half], LETTERS))


def overlaps_prompt(text: str, prompt: str, views: Sequence[str] | None = None) -> bool:
    """Whether the text contains a part of the prompt, verbatim or in a decodable form. views: those of `views_of`."""
    features, plain = _prompt(prompt), _plain(text)
    letters = _letters(plain)
    if _contains(plain, letters, features) or _enciphers(letters, features):
        return True
    read = views_of(text) if views is None else views
    return any(_near_and_contains(view, features) for view in map(_plain, read))


def may_go_on(text: str, prompt: str) -> bool:
    """Whether the text ends within the prompt's words, so that more text is needed to decide."""
    end = _letters(_plain(text[-8 * _BEGINNING_LETTERS :]))[-_BEGINNING_LETTERS:]
    return len(end) == _BEGINNING_LETTERS and end in _prompt(prompt).letters


def _near_and_contains(plain: str, features: _Prompt) -> bool:
    """As `_contains`, which is worthwhile only where a run of letters is near: any matching run contains half of one at
    these positions.
    """
    letters, half = _letters(plain), LETTERS // 2
    if any(letters[at : at + half] in features.letters for at in range(0, len(letters) - half + 1, half)):
        return _contains(plain, letters, features)
    return _has_sentence_or_code_word(plain, letters, features)


def _has_sentence_or_code_word(plain: str, letters: str, features: _Prompt) -> bool:
    """Whether the text contains a full sentence of the prompt, or one of its code words."""
    if any(each in letters for each in features.sentences):
        return True
    together = bare(plain) if features.code_words else ""
    return any(each in together for each in features.code_words)


def _contains(plain: str, letters: str, features: _Prompt) -> bool:
    return (
        _has_sentence_or_code_word(plain, letters, features)
        or _shares_run(letters, features.letters)
        or not features.word_runs.isdisjoint(_word_runs_of(plain))
    )


def _enciphers(letters: str, features: _Prompt) -> bool:
    return _shares_run(_steps(letters), features.ciphers)


def bare(plain: str) -> str:
    """Only the letters and digits."""
    if plain.isascii():
        return plain.encode().translate(None, _SIGNS).decode()
    return re.sub(r"[\W_]", "", plain)


def views_of(text: str) -> Iterator[str]:
    """The text reversed, deciphered and decoded, as far as it can be."""
    yield text[::-1]
    yield codecs.encode(text, "rot13")
    if re.search(r"[0-9@$!|]", text):
        yield text.translate(_LEET)
    yield "".join(word[::-1] for word in re.findall(r"\w+|\W+", text))
    yield " ".join(reversed(text.split()))
    for marked, undo in _UNESCAPES:
        if marked in text:
            yield undo(text)
    yield from letter_codes(text)
    for read in _decoded(text):
        yield read
        if _PACKED.search(read):
            yield from _decoded(read)


_UNESCAPES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("%", lambda text: unquote(text, errors="ignore")),
    ("&", unescape),
    ("\\", lambda text: _ESCAPE.sub(lambda code: chr(min(int(code[1], 16), 0x10FFFF)), text)),
)


def _decoded(text: str) -> Iterator[str]:
    if packed := [match[0].rstrip("=") for match in _PACKED.finditer(text)]:
        for run in {"".join(packed), *packed}:
            yield from _unpacked(run)
    for match in _HEX.finditer(text):
        pairs = "".join(_HEX_PAIR.findall(match[0]))
        yield _read(bytes.fromhex(pairs))
        yield _read(bytes.fromhex("0" + pairs[: len(pairs) - 1]))
    for match in _BITS.finditer(text):
        bits = re.sub(r"\D", "", match[0])
        for size in (7, 8):
            yield _read(bytes(int(bits[at : at + size], 2) for at in range(0, len(bits) - size + 1, size)))
    for match in _CODES.finditer(text):
        yield _read(bytes(min(int(code), 255) for code in re.findall(r"\d+", match[0])))


def _unpacked(run: str) -> Iterator[str]:
    """Base64 and base32, from any start within the run."""
    plain = run.replace("-", "+").replace("_", "/")
    for start in range(4):
        part = plain[start:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        yield _read(_bytes(base64.b64decode, part + "=" * (-len(part) % 4)))
    if run.isupper() and not set(run) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"):
        for start in range(8):
            part = run[start:]
            yield _read(_bytes(base64.b32decode, part + "=" * (-len(part) % 8)))
            yield _read(_bytes(base64.b32decode, part[: len(part) // 8 * 8]))


def _bytes(decode: Callable[[str], bytes], part: str) -> bytes:
    try:
        return decode(part)
    except (binascii.Error, ValueError):
        return b""


def _read(data: bytes) -> str:
    return data.decode("utf-8", errors="ignore")
