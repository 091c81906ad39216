"""The numbers and bullets of the list items and headings of an OpenDocument text, which are not written in it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lxml import etree

from app.adapters.parsers.list_numbers import MAX_LABEL, formatted, whole
from app.adapters.parsers.xml_parts import Element, attribute, local

_FORMATS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_FORMATS |= {"01": "decimalZero", "1st": "ordinal"}
_PLACE = re.compile(r"%([1-9]|10)%")
_WALKED = ("list", "list-item", "p", "h", "tracked-changes")
_BULLET = "- "
_MAX_LEVEL = 10


@dataclass(frozen=True, slots=True)
class _Level:
    """format: empty where no number is shown. levels: how many of them the number shows. template: all of it, with
    `%1%` where the number of the first level stands.
    """

    format: str
    prefix: str
    suffix: str
    levels: int
    start: int
    template: str


_Style = Mapping[int, _Level | None]
"""The levels of a list by their depth, from 1; None for one with bullets."""


@dataclass
class _List:
    style: str
    counts: dict[int, int] = field(default_factory=dict)


class ItemMarks:
    """Counts the items in reading order. marks: what a paragraph begins with, such as `2.1. ` or `- `."""

    def __init__(self, styles: Iterable[Element], body: Element) -> None:
        self._styles: dict[str, _Style] = {}
        self._outline: _Style = {}
        self._unnumbered: set[str] = set()
        for root in styles:
            self._read(root)
        self._open: list[_List] = []
        self._items: list[Element | None] = []
        self._by_style: dict[str, _List] = {}
        self._by_id: dict[str, _List] = {}
        self._chapters: dict[int, int] = {}
        self.marks: dict[Element, str] = {}
        self._walk(body)

    def _read(self, root: Element) -> None:
        for each in root.iter("{*}list-style"):
            self._styles[attribute(each, "name") or ""] = _levels(each)
        for each in root.iter("{*}outline-style"):
            self._outline = _levels(each)
        for each in root.iter("{*}style"):
            if attribute(each, "list-style-name") == "":
                self._unnumbered.add(attribute(each, "name") or "")

    def _walk(self, body: Element) -> None:
        walk = etree.iterwalk(body, events=("start", "end"), tag=[f"{{*}}{name}" for name in _WALKED])
        for event, element in walk:
            tag = local(element)
            if event == "end":
                if tag == "list":
                    self._open.pop()
                elif tag == "list-item":
                    self._items.pop()
            elif tag == "tracked-changes":
                walk.skip_subtree()
            elif tag == "list":
                self._open.append(self._begun(element))
            elif tag == "list-item":
                self._items.append(element)
            elif self._items and self._items[-1] is not None and element.getparent() is self._items[-1]:
                self._mark_item(element, self._items[-1])
                self._items[-1] = None
            elif tag == "h" and not self._open:
                self._mark_heading(element)

    def _begun(self, element: Element) -> _List:
        """The list that begins: within another one it shares its counts, and it may continue an earlier one."""
        name = attribute(element, "style-name") or (self._open[-1].style if self._open else "")
        if self._open:
            begun = _List(name, self._open[-1].counts)
        else:
            continues = attribute(element, "continue-list")
            continued = self._by_id.get(continues) if continues else None
            if continued is None and attribute(element, "continue-numbering") == "true":
                continued = self._by_style.get(name)
            begun = _List(name, continued.counts if continued else {})
        self._by_style[name] = begun
        if name_of_list := attribute(element, "id"):
            self._by_id[name_of_list] = begun
        return begun

    def _mark_item(self, paragraph: Element, item: Element) -> None:
        within, depth = self._open[-1], len(self._open)
        style = self._styles.get(within.style, {})
        if style.get(depth) is None:
            self.marks[paragraph] = _BULLET
        elif label := _counted(style, within.counts, depth, attribute(item, "start-value")):
            self.marks[paragraph] = f"{label} "

    def _mark_heading(self, heading: Element) -> None:
        depth = whole(attribute(heading, "outline-level"), 1)
        plain = attribute(heading, "is-list-header") == "true" or attribute(heading, "style-name") in self._unnumbered
        if plain or self._outline.get(depth) is None:
            return
        if label := _counted(self._outline, self._chapters, depth, attribute(heading, "start-value")):
            self.marks[heading] = f"{label} "


def _counted(style: _Style, counts: dict[int, int], depth: int, start: str | None) -> str:
    """Count one item, and return its number as it is shown."""
    level = style.get(depth)
    first = level.start if level else 1
    counts[depth] = whole(start, counts.get(depth, first - 1) + 1)
    for deeper in [each for each in counts if each > depth]:
        del counts[deeper]
    if level is None:
        return ""
    if level.template:
        return _PLACE.sub(lambda match: _number(style, counts, int(match[1])), level.template).strip()
    shown = range(max(1, depth - level.levels + 1), depth + 1)
    numbers = ".".join(filter(None, (_number(style, counts, each) for each in shown))) if level.format else ""
    return f"{level.prefix}{numbers}{level.suffix}".strip()


def _number(style: _Style, counts: Mapping[int, int], depth: int) -> str:
    level = style.get(depth)
    if level is None or not level.format:
        return ""
    return formatted(counts.get(depth, level.start), _FORMATS.get(level.format, "decimal"))


def _levels(style: Element) -> dict[int, _Level | None]:
    levels = {whole(attribute(each, "level"), 1): each for each in style if "level-style" in local(each)}
    return {depth: _level(each) for depth, each in levels.items() if depth <= _MAX_LEVEL}


def _level(element: Element) -> _Level | None:
    if local(element) not in ("list-level-style-number", "outline-level-style"):
        return None
    kind = attribute(element, "num-format") or ""
    return _Level(
        kind,
        (attribute(element, "num-prefix") or "")[:MAX_LABEL],
        (attribute(element, "num-suffix") or "")[:MAX_LABEL],
        whole(attribute(element, "display-levels"), 1),
        whole(attribute(element, "start-value"), 1),
        (attribute(element, "num-list-format") or "")[:MAX_LABEL] if kind else "",
    )
