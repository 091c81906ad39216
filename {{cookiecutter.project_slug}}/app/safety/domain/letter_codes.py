"""Readings of a text in which other signs stand for letters: codes, spelling alphabets, first letters."""

import base64
import re
from collections.abc import Callable, Iterator

_SMALL_CAPITALS = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ"
STYLED = {ord(small): ord(plain) for small, plain in zip(_SMALL_CAPITALS, "abcdefghijklmnopqrstuvwyz", strict=True)}
STYLED |= {ord("ǫ"): ord("q")} | {0x1F1E6 + place: 97 + place for place in range(26)}
"""Letters that no normalisation makes plain: small capitals, and those of flags."""

_CODED = 8
"""So many signs in a row are no coincidence."""
_ROT47 = {code: 33 + (code - 33 + 47) % 94 for code in range(33, 127)}
_MORSE_SIGNS = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
_MORSE = dict(zip(_MORSE_SIGNS.split(), "abcdefghijklmnopqrstuvwxyz0123456789", strict=True))
_DASHES = str.maketrans("·•−–—_", "..----")
_MORSE_RUN = re.compile(rf"(?:(?<!\S)[.·•_−–—-]{{1,5}}(?:[\s/|]+|\Z)){{{_CODED},}}")
_SPELLING = frozenset(
    [
        "alfa",
        "alpha",
        "bravo",
        "charlie",
        "delta",
        "echo",
        "foxtrot",
        "golf",
        "hotel",
        "india",
        "juliet",
        "juliett",
        "kilo",
        "lima",
        "mike",
        "november",
        "oscar",
        "papa",
        "quebec",
        "romeo",
        "sierra",
        "tango",
        "uniform",
        "victor",
        "whisky",
        "whiskey",
        "x",
        "xray",
        "yankee",
        "zulu",
    ]
)
"""Of the spelling alphabet; "x-ray" is read as its x."""
_WORD = re.compile(r"[^\W\d_]+")
_LINE = re.compile(r"(?m:^)[^\w\n]*(?:\d{1,3}[.):][^\w\n]*)?([^\W\d_])")
_ALONE = re.compile(r"(?<![\w'’])[^\W_](?![\w'’])")
_OCTAL = re.compile(r"(?:\\?[01][0-7]{2}[\s,;]{0,2}){12,}")
_PLACES = re.compile(r"(?<!\d)(?:(?:1?\d|2[0-6])[\s,;.-]{1,2}){12,}(?:1?\d|2[0-6])(?!\d)")
_SIGN = re.compile(r"[^\w\s]|[\d_]")
_PACKED_85 = re.compile(r"(?<!\S)(?=\S*[!#$%&()*;<>?@^`{|}~])\S{15,}")


def letter_codes(text: str) -> Iterator[str]:
    """What the text says if its signs are codes for letters."""
    words = _WORD.findall(text)
    for each in (first_letters(words), "".join(word[-1] for word in words), "".join(_LINE.findall(text))):
        if len(each) >= _CODED:
            yield each
    alone = [each for each in _ALONE.findall(text) if each not in "aI"]
    if len(alone) >= _CODED:
        yield "".join(alone)
    for run in _MORSE_RUN.findall(text.translate(_DASHES)):
        yield "".join(_MORSE.get(sign, "") for sign in re.findall(r"[.-]+", run))
    if len(spelled := [word for word in words if word.lower() in _SPELLING]) >= _CODED:
        yield first_letters(spelled)
    yield from _numbers(text)
    if _PACKED_85.search(text) or _is_mostly_signs(text):
        yield text.translate(_ROT47)
        yield from _packed(text)


def first_letters(words: list[str]) -> str:
    return "".join(word[0] for word in words)


def _numbers(text: str) -> Iterator[str]:
    for run in _OCTAL.findall(text):
        yield "".join(chr(int(code, 8)) for code in re.findall(r"[01][0-7]{2}", run))
    for run in _PLACES.findall(text):
        places = list(map(int, re.findall(r"\d+", run)))
        yield "".join(chr(96 + place) for place in places if place)
        yield "".join(chr(97 + place) for place in places if place < 26)


def _is_mostly_signs(text: str) -> bool:
    """As English in another alphabet of signs is, and as few texts are."""
    return len(_SIGN.findall(text)) * 5 > len(text)


def _packed(text: str) -> Iterator[str]:
    for run in (found.strip("\"'.,:[]") for found in _PACKED_85.findall(text)):
        for decode in (base64.b85decode, base64.a85decode):
            for start in range(5):
                yield _read(decode, run[start:])


def _read(decode: Callable[[str], bytes], run: str) -> str:
    try:
        return decode(run).decode("utf-8", errors="ignore")
    except (ValueError, OverflowError):
        return ""
