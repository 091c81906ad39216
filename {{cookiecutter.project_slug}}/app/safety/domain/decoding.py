"""Alternative readings of a text: decoded, deciphered or reversed."""

import codecs
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote

DEPTH = 2
"""The number of nested encodings that are decoded."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading. how: the decoding applied. readable: whether a person can read the original."""

    text: str
    how: str
    readable: bool = False


_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{10,}+(?:[ \t>]*\r?\n[ \t>]*[A-Za-z0-9+/_-]{2,}+)*+={0,2}")
_HEX = re.compile(r"(?<![0-9a-z])(?:(?:\\x|0x|x)?[0-9a-f]{2}[\s,;:-]{0,2}){10,}+", re.IGNORECASE)
_PAIR = re.compile(r"(?:\\x|0x|x)?([0-9a-f]{2})", re.IGNORECASE)
_BITS = re.compile(r"(?<!\d)(?:[01]{8}[\s,]{0,2}){8,}+")
_CODES = re.compile(r"(?<!\d)\d{2,3}(?:[\s,;-]{1,2}\d{2,3}){9,}+(?!\d)")
_PERCENT = re.compile(r"(?:%[0-9a-f]{2}[^\s%]{0,20}){3,}", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|U([0-9a-f]{8})|x([0-9a-f]{2}))", re.IGNORECASE)
_ROT13 = re.compile(
    codecs.encode(
        "ignor|disregard|forget|overrid|bypass|previous|instruct|system|prompt|reveal|pretend|secret", "rot13"
    ),
    re.IGNORECASE,
)
_BACKWARDS = re.compile(
    "ignore|disregard|forget|override|bypass|previous|instruct|prompt|reveal"[::-1],
    re.IGNORECASE,
)
_PIECE = re.compile(r"[A-Za-z0-9]{16,}")
_TEXT = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]{12,}")
_WORD = re.compile(r"\w+")


def readings(text: str) -> Iterator[Reading]:
    """Every alternative reading that yields text. Together they are not much longer than the text."""
    for how, decode in (("base64", _base64), ("hexadecimal", _hex), ("binary", _bits), ("character codes", _codes)):
        if decoded := "\n".join(filter(None, decode(text))):
            yield Reading(decoded, f"after decoding {how}")
    if _PERCENT.search(text):
        yield Reading(unquote(text, errors="replace"), "after decoding percent escapes")
    if _ESCAPED.search(text):
        yield Reading(_ESCAPED.sub(_character, text), "after decoding \\u escapes")
    if _ENTITY.search(text):
        yield Reading(unescape(text), "after decoding HTML entities", readable=True)
    if _ROT13.search(text):
        yield Reading(codecs.encode(text, "rot13"), "after decoding rot13")
    if _BACKWARDS.search(text):
        yield Reading(text[::-1], "read backwards")
        yield Reading(_WORD.sub(lambda word: word[0][::-1], text), "with each word read backwards")


def _text_in(data: bytes) -> str:
    """The runs of text in the bytes; random bytes contain hardly any."""
    return "\n".join(_TEXT.findall(data.decode("utf-8", errors="replace")))


def _base64(text: str) -> Iterator[str]:
    for match in _BASE64.finditer(text):
        for run in dict.fromkeys((match[0], *match[0].split("\n"), *_PIECE.findall(match[0]))):
            if run[1:].islower() or run.isupper() or run.isdigit():
                continue
            packed = re.sub(r"[^A-Za-z0-9+/_-]", "", run).replace("+", "-").replace("/", "_")
            packed = packed[: len(packed) - (len(packed) % 4 == 1)]
            yield _text_in(urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))


def _hex(text: str) -> Iterator[str]:
    for match in _HEX.finditer(text):
        yield _text_in(bytes.fromhex("".join(_PAIR.findall(match[0]))))


def _bits(text: str) -> Iterator[str]:
    for match in _BITS.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        yield _text_in(bytes(int(digits[n : n + 8], 2) for n in range(0, len(digits) - 7, 8)))


def _codes(text: str) -> Iterator[str]:
    for match in _CODES.finditer(text):
        yield _text_in(bytes(min(int(code), 255) for code in re.findall(r"\d+", match[0])))


def _character(match: re.Match[str]) -> str:
    code = int(next(filter(None, match.groups())), 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else " "
