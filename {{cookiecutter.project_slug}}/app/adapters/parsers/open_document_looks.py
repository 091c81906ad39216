"""Takes out of an OpenDocument file the texts that nobody sees: too small, too transparent, or of the colour of what is
behind them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from app.adapters.parsers.builder import squeeze
from app.adapters.parsers.drawing_colours import TOO_ALIKE, WHITE, Colour, Paint, difference, hex_colour
from app.adapters.parsers.xml_parts import Element, attribute, local

_TINY_POINTS = 2.0
_NARROW = 0.05
_OPAQUE = 0.94
_USUAL_POINTS = 12.0
_MAX_PARENTS = 30
_MAX_PAIRS = 1_000
_MAX_LOOKS = 10_000
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(pt|mm|cm|in|%)")
_POINTS = {"pt": 1.0, "mm": 72 / 25.4, "cm": 72 / 2.54, "in": 72.0}
_SHAPES = frozenset({"custom-shape", "rect", "ellipse", "circle", "polygon", "path", "caption"})
_APART = frozenset({"frame", "note", "annotation", *_SHAPES})
_FAMILIES: dict[str, tuple[str, ...]] = {
    **{"p": ("paragraph",), "h": ("paragraph",), "span": ("text",), "a": ("text",), "section": ("section",)},
    **{"table": ("table",), "table-row": ("table-row",), "table-cell": ("table-cell",), "page": ("drawing-page",)},
    **dict.fromkeys(("frame", *_SHAPES), ("graphic", "presentation")),
}

Properties = Mapping[str, str]
"""As `text:color`: the kind of properties, and the name of one."""


@dataclass(frozen=True, slots=True)
class _Look:
    """Of a text. ground, colour: None where it is not one known colour. points: of its letters, if a style says so."""

    ground: Colour | None
    colour: Colour | None = None
    alpha: float = 1.0
    points: float | None = None

    @property
    def is_unseen(self) -> bool:
        tiny = self.points is not None and self.points < _TINY_POINTS
        paint = Paint(self.colour or WHITE, self.alpha)
        return tiny or paint.fades(self.ground if self.colour is not None else None)


class UnseenTexts:
    """styles: the roots that hold styles, the common ones first."""

    def __init__(self, styles: Iterable[Element]) -> None:
        self._styles: dict[tuple[str, str], Element] = {}
        self._merged: dict[tuple[str, str], Properties] = {}
        self._looks: dict[tuple[str, str | None, _Look], _Look] = {}
        self._masters: dict[str, Element] = {}
        self._page: Colour | None = WHITE
        for element in (each for root in styles for each in root.iter("{*}style", "{*}master-page", "{*}page-layout")):
            name, family = attribute(element, "name") or "", attribute(element, "family") or ""
            if local(element) == "style":
                self._styles[family, name] = element
            elif local(element) == "master-page":
                self._masters[name] = element
            elif _painted(dict(_own(element)), "page-layout", WHITE) != WHITE:
                self._page = None
        if any(dict(_own(each)).get("graphic:run-through") == "background" for each in self._styles.values()):
            self._page = None
        self._may_hide = _may_hide([dict(_own(each)) for each in self._styles.values()])

    def take(self, element: Element) -> str:
        """Take the unseen texts out of an element; returns them."""
        if not self._may_hide:
            return ""
        taken: list[str] = []
        self._take(element, _Look(self._page), taken)
        return " ".join(filter(None, map(squeeze, taken)))

    def _take(self, element: Element, outer: _Look, taken: list[str]) -> None:
        look = self._look(element, outer)
        if look.is_unseen and (element.text or "").strip():
            taken.append(element.text or "")
            element.text = ""
        before = len(taken)
        for child in element:
            self._take(child, look, taken)
            if look.is_unseen and (child.tail or "").strip():
                taken.append(child.tail or "")
                child.tail = ""
        if local(element) == "table-cell" and len(taken) > before:
            for key in [key for key in element.attrib if str(key).endswith("}value")]:
                del element.attrib[key]

    def _look(self, element: Element, outer: _Look) -> _Look:
        tag = local(element)
        if tag not in _FAMILIES or tag in _APART or tag == "page":
            return self._within(element, outer, tag)
        key = (tag, attribute(element, "style-name"), outer)
        if key not in self._looks:
            if len(self._looks) >= _MAX_LOOKS:
                self._looks.clear()
            self._looks[key] = self._within(element, outer, tag)
        return self._looks[key]

    def _within(self, element: Element, look: _Look, tag: str) -> _Look:
        if tag == "page":
            return _Look(self._behind_shapes(element))
        if tag in _APART:
            look = _Look(self._filled(element, look.ground))
        for properties in self._of(element, tag):
            look = _styled(look, properties, tag)
        return look

    def _of(self, element: Element, tag: str) -> Iterator[Properties]:
        name = attribute(element, "style-name") or ""
        yield from (self._properties(family, name) for family in _FAMILIES.get(tag, ()))
        if tag in _APART:
            yield self._properties("paragraph", attribute(element, "text-style-name") or "")

    def _properties(self, family: str, name: str) -> Properties:
        """What a style and those that it is made from say, the nearest of each."""
        if (family, name) not in self._merged:
            chain: list[Element] = []
            style = self._styles.get((family, name))
            while style is not None and len(chain) < _MAX_PARENTS:
                chain.append(style)
                style = self._styles.get((family, attribute(style, "parent-style-name") or ""))
            merged: dict[str, str] = {}
            for each in reversed(chain):
                own = dict(_own(each))
                if "text:color" in own:
                    merged.pop("text:use-window-font-color", None)
                merged |= own
            self._merged[family, name] = merged
        return self._merged[family, name]

    def _behind_shapes(self, page: Element) -> Colour | None:
        """Of a slide: the colour of its background; None where a picture or a filled shape may be behind a text."""
        master = self._masters.get(attribute(page, "master-page-name") or "")
        ground: Colour | None = WHITE
        for each in (master, page):
            if each is None:
                continue
            style = self._properties("drawing-page", attribute(each, "style-name") or "")
            ground = _painted(style, "drawing-page", ground)
            for shape in each.iter("{*}image", *(f"{{*}}{name}" for name in ("frame", *_SHAPES))):
                if local(shape) == "image" or self._filled(shape, ground) != ground:
                    return None
        return ground

    def _filled(self, shape: Element, ground: Colour | None) -> Colour | None:
        """The colour behind the text of a shape. One of which no style says how it is filled has one of the program."""
        said = [*self._of(shape, local(shape))]
        if local(shape) in _SHAPES and not any("graphic:fill" in properties for properties in said):
            return None
        for properties in said:
            ground = _painted(properties, "graphic", ground)
        return ground


def _may_hide(styles: Iterable[Properties]) -> bool:
    """Whether any two of the styles together can hide a text, which is soon told and seldom so."""
    colours, grounds = set[Colour](), {WHITE}
    for key, value in (pair for properties in styles for pair in properties.items()):
        if key in ("text:opacity", "text:text-scale"):
            return True
        if key == "text:font-size" and (value.endswith("%") or (_length(value, 1.0) or 0.0) < _TINY_POINTS):
            return True
        if (colour := hex_colour(value.removeprefix("#"))) is not None:
            colours.add(colour) if key == "text:color" else grounds.add(colour)
    many = len(colours) * len(grounds) > _MAX_PAIRS
    return many or any(difference(colour, ground) < TOO_ALIKE for colour in colours for ground in grounds)


def _own(style: Element) -> Iterator[tuple[str, str]]:
    for properties in style:
        kind = local(properties)
        if kind == "map":
            yield "map", ""
        elif kind.endswith("-properties"):
            prefix = kind.removesuffix("-properties")
            written = ((str(key).rpartition("}")[2], str(value)) for key, value in properties.attrib.items())
            yield from ((f"{prefix}:{name}", value) for name, value in written)


def _styled(look: _Look, properties: Properties, tag: str) -> _Look:
    """The look of a text within an element of these properties."""
    ground = look.ground
    for kind in (*_FAMILIES.get(tag, ()), "text"):
        ground = _painted(properties, kind, ground)
    if "map" in properties:
        ground = None
    colour, alpha, points = look.colour, look.alpha, look.points
    if properties.get("text:use-window-font-color") == "true" or properties.get("text:text-shadow", "none") != "none":
        colour = None
    elif "text:color" in properties:
        colour = hex_colour(properties["text:color"].removeprefix("#"))
    if (written := _length(properties.get("text:opacity"), 1.0)) is not None:
        alpha = written
    if (written := _length(properties.get("text:font-size"), points or _USUAL_POINTS)) is not None:
        points = written
    if (written := _length(properties.get("text:text-scale"), 1.0)) is not None and written < _NARROW:
        points = 0.0
    return replace(look, ground=ground, colour=colour, alpha=alpha, points=points)


def _painted(properties: Properties, kind: str, behind: Colour | None) -> Colour | None:
    """The colour that is seen where these properties paint on what is behind."""
    fill, opacity = properties.get(f"{kind}:fill"), _length(properties.get(f"{kind}:opacity"), 1.0)
    written = properties.get(f"{kind}:fill-color" if fill == "solid" else f"{kind}:background-color")
    if fill not in (None, "none", "solid"):
        return None
    if written is None or written == "transparent":
        return behind if fill != "solid" else None
    return hex_colour(written.removeprefix("#")) if opacity is None or opacity > _OPAQUE else None


def _length(written: str | None, whole: float) -> float | None:
    """In points; of a percentage, that share of the whole. None for what is no length."""
    match = _LENGTH.fullmatch(written or "")
    if match is None:
        return None
    return float(match[1]) * (whole / 100 if match[2] == "%" else _POINTS[match[2]])
