"""Styles of the cells of a workbook: the format of their numbers, and whether a reader sees what is in them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.adapters.parsers.drawing_colours import BLACK, WHITE, Colour, Paint, hex_colour, lightened
from app.adapters.parsers.number_formats import BUILT_IN
from app.adapters.parsers.xml_parts import Element, Parts

_THEME = ("lt1", "dk1", "lt2", "dk2", *(f"accent{number}" for number in range(1, 7)), "hlink", "folHlink")
_INDEXED = {0: BLACK, 8: BLACK, 64: BLACK, 1: WHITE, 9: WHITE, 65: WHITE}
_TINY_POINTS = 2.0
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,20})?")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class SheetStyle:
    """code: of the format of numbers. unseen: of the colour of its cell, or tiny. filled: its cell has a fill."""

    code: str
    unseen: bool = False
    filled: bool = False


def sheet_styles(parts: Parts, name: str, slots: Mapping[str, Colour]) -> list[SheetStyle]:
    """The styles of cells in their order. name: of the part with them; slots: the colours of the theme."""
    if name not in parts:
        return []
    root = parts.xml(name)
    codes = {**BUILT_IN}
    codes |= {
        int(each.get("numFmtId", 0)): each.get("formatCode", "") for each in root.iterfind("{*}numFmts/{*}numFmt")
    }
    fonts = [*root.iterfind("{*}fonts/{*}font")]
    fills = [each.find("{*}patternFill") for each in root.iterfind("{*}fills/{*}fill")]
    styles = []
    for each in root.iterfind("{*}cellXfs/{*}xf"):
        font, fill = _at(fonts, each.get("fontId")), _at(fills, each.get("fillId"))
        filled = fill is None or fill.get("patternType") not in (None, "none")
        unseen = font is not None and _is_unseen(font, fill, slots)
        styles.append(SheetStyle(codes.get(int(each.get("numFmtId", 0)), ""), unseen, filled))
    return styles


def _is_unseen(font: Element, fill: Element | None, slots: Mapping[str, Colour]) -> bool:
    size = font.find("{*}sz")
    if size is not None and _number(size.get("val"), _TINY_POINTS) < _TINY_POINTS:
        return True
    colour = _colour(font.find("{*}color"), slots)
    return colour is not None and Paint(colour).fades(_behind(fill, slots))


def _behind(fill: Element | None, slots: Mapping[str, Colour]) -> Colour | None:
    """The colour of a cell; None for a pattern or a gradient."""
    if fill is None:
        return None
    if fill.get("patternType") in (None, "none"):
        return WHITE
    return _colour(fill.find("{*}fgColor"), slots) if fill.get("patternType") == "solid" else None


def _colour(element: Element | None, slots: Mapping[str, Colour]) -> Colour | None:
    """None for an automatic colour, and for one that is not known."""
    if element is None:
        return None
    if (written := element.get("rgb")) is not None:
        colour = hex_colour(written[-6:])
    elif (theme := element.get("theme")) is not None:
        number = int(_number(theme, -1))
        colour = slots.get(_THEME[number]) if 0 <= number < len(_THEME) else None
    else:
        colour = _INDEXED.get(int(_number(element.get("indexed"), -1)))
    tint = _number(element.get("tint"), 0.0)
    return colour if colour is None or not tint else lightened(colour, tint)


def _number(written: str | None, default: float) -> float:
    return float(written) if written is not None and _NUMBER.fullmatch(written) else default


def _at(values: Sequence[Found], index: str | None) -> Found | None:
    number = int(index or 0)
    return values[number] if 0 <= number < len(values) else None
