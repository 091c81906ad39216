"""The numbers of list items, as word processors write them."""

import re
from collections.abc import Callable

MAX_LABEL = 255
"""Characters of what a document may put around the number of an item."""
_ROMAN = {"m": 1000, "cm": 900, "d": 500, "cd": 400, "c": 100, "xc": 90, "l": 50, "xl": 40, "x": 10, "ix": 9, "v": 5}
_ROMAN |= {"iv": 4, "i": 1}
_CARDINALS = ["Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"]
_ORDINALS = [
    "Zeroth",
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
]
_CHINESE = "〇一二三四五六七八九"


def formatted(count: int, kind: str) -> str:
    """A number as documents write it; kind: as Word names it. In digits where the kind is not known."""
    write = _FORMATS.get(kind)
    return str(count) if write is None or count < 0 else write(count)


def whole(value: str | None, default: int) -> int:
    """The whole number of an attribute, from 0 to 999,999."""
    return int(value) if value and re.fullmatch(r"[0-9]{1,6}", value) else default


def _roman(count: int) -> str:
    if not 0 < count < 4000:
        return str(count)
    written = ""
    for letters, size in _ROMAN.items():
        written += letters * (count // size)
        count %= size
    return written


def _letters(count: int) -> str:
    """z is followed by aa, and zz by aaa."""
    return chr(ord("a") + (count - 1) % 26) * min(50, (count - 1) // 26 + 1) if count > 0 else str(count)


def _ordinal(count: int) -> str:
    ending = "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"


def _chinese(count: int) -> str:
    if not 0 < count < 100:
        return str(count)
    tens, ones = divmod(count, 10)
    return (_CHINESE[tens] if tens > 1 else "") + ("十" if tens else "") + (_CHINESE[ones] if ones else "")


_FORMATS: dict[str, Callable[[int], str]] = {
    "none": lambda count: "",
    "decimalZero": lambda count: f"{count:02}",
    "upperRoman": lambda count: _roman(count).upper(),
    "lowerRoman": _roman,
    "upperLetter": lambda count: _letters(count).upper(),
    "lowerLetter": _letters,
    "ordinal": _ordinal,
    "cardinalText": lambda count: _CARDINALS[count] if count < len(_CARDINALS) else str(count),
    "ordinalText": lambda count: _ORDINALS[count] if count < len(_ORDINALS) else _ordinal(count),
    **dict.fromkeys(("chineseCounting", "chineseCountingThousand", "japaneseCounting"), _chinese),
    **dict.fromkeys(("taiwaneseCounting", "taiwaneseCountingThousand", "koreanCounting"), _chinese),
}
