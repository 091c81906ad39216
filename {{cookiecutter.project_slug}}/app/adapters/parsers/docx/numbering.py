"""The numbers and bullets of list items and headings of a DOCX, which are not written in its text."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from app.adapters.parsers.docx.names import at, is_on, tag, value, whole
from app.adapters.parsers.docx.symbols import symbol
from app.adapters.parsers.list_numbers import MAX_LABEL, formatted

_LEVELS = 9
_PLACE = re.compile(r"%([1-9])")


@dataclass(frozen=True, slots=True)
class Level:
    """text: with `%1` where the number of the first level stands. restart: the level after which it starts again, from
    1; 0 for never, None for every higher one.
    """

    format: str = "decimal"
    text: str = ""
    start: int = 1
    restart: int | None = None
    legal: bool = False
    style: str = ""


@dataclass(frozen=True, slots=True)
class _List:
    """abstract: lists of the same one count on from each other."""

    abstract: str
    levels: dict[int, Level]
    starts: dict[int, int]


@dataclass
class Numbering:
    """Counts the items of all lists in reading order. numbering: the root of the part; None when there is none."""

    numbering: Any
    numbering_style: Callable[[str], str | None] = lambda name: None
    _lists: dict[str, _List] = field(default_factory=dict)
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.numbering is None:
            return
        abstract = {each.get(tag("w:abstractNumId"), ""): each for each in self.numbering.iter(tag("w:abstractNum"))}
        numbers = {each.get(tag("w:numId"), ""): each for each in self.numbering.iter(tag("w:num"))}
        for name, number in numbers.items():
            of = value(at(number, "w:abstractNumId"))
            if linked := value(at(abstract.get(of), "w:numStyleLink")):
                other = numbers.get(self.numbering_style(linked) or "")
                of = value(at(other, "w:abstractNumId"), of)
            self._lists[name] = _list(number, of, abstract.get(of))

    def level_of_style(self, number: str, style: str) -> int:
        levels = self._lists[number].levels if number in self._lists else {}
        return next((at_level for at_level, level in levels.items() if level.style == style), 0)

    def marker(self, number: str, depth: int) -> str:
        """Count one item, and return what stands before it: a number, `-` for a bullet, or nothing."""
        found = self._lists.get(number)
        if found is None or (level := found.levels.get(depth)) is None:
            return ""
        counts = self._counts.setdefault(found.abstract, {})
        if number not in self._begun:
            self._begun.add(number)
            for overridden in found.starts:
                counts.pop(overridden, None)
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in range(depth + 1, _LEVELS):
            if _restarts(found.levels.get(deeper), depth):
                counts.pop(deeper, None)
        if level.format == "bullet":
            return level.text
        return _PLACE.sub(lambda match: _number(found.levels, counts, level, int(match[1]) - 1), level.text).strip()


def _list(number: Any, of: str, abstract: Any) -> _List:
    written = {} if abstract is None else dict(_level(each) for each in abstract.iterchildren(tag("w:lvl")))
    starts: dict[int, int] = {}
    for override in number.iterchildren(tag("w:lvlOverride")):
        depth = whole(override.get(tag("w:ilvl")), 0)
        if (level := at(override, "w:lvl")) is not None:
            written |= dict([_level(level)])
        if (start := at(override, "w:startOverride")) is not None:
            starts[depth] = whole(value(start), 1)
            if depth in written:
                written[depth] = replace(written[depth], start=starts[depth])
    return _List(of, written, starts)


def _level(element: Any) -> tuple[int, Level]:
    restart = at(element, "w:lvlRestart")
    kind = value(at(element, "w:numFmt"), "decimal")
    level = Level(
        kind,
        _bullet(element) if kind == "bullet" else value(at(element, "w:lvlText"))[:MAX_LABEL],
        whole(value(at(element, "w:start")), 0),
        None if restart is None else whole(value(restart), 0),
        is_on(at(element, "w:isLgl")),
        value(at(element, "w:pStyle")),
    )
    return whole(element.get(tag("w:ilvl")), 0), level


def _bullet(level: Any) -> str:
    """`-`, or the box that says whether the item is done."""
    fonts, drawn = at(level, "w:rPr", "w:rFonts"), value(at(level, "w:lvlText"))
    font = "" if fonts is None else fonts.get(tag("w:ascii"), "")
    sign = symbol(font, f"{ord(drawn):x}") if len(drawn) == 1 else ""
    return sign if sign and sign in "☐☑☒✓✔✗✘" else "-"


def _restarts(level: Level | None, after: int) -> bool:
    return level is None or level.restart is None or after < level.restart


def _number(levels: dict[int, Level], counts: dict[int, int], shown_in: Level, depth: int) -> str:
    level = levels.get(depth, Level())
    count = counts.setdefault(depth, level.start)
    return formatted(count, "decimal" if shown_in.legal and level.format != "decimalZero" else level.format)
