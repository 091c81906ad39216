"""What a drawing takes over: colours and fills of its theme; on a slide, also places and styles of layout, master."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from app.adapters.parsers.drawing_colours import BLACK, WHITE, Colour, Paint, painted, theme_slots
from app.adapters.parsers.list_numbers import whole
from app.adapters.parsers.xml_parts import Element, Parts, local

MAX_LEVEL = 8
_PAINTS = frozenset({"solidFill", "noFill", "gradFill", "blipFill", "pattFill", "grpFill"})
_HOLDERS = frozenset({"solidFill", "fillRef", "bgRef", "fontRef", "highlight", "gs", "glow", "outerShdw"})
_TITLES = frozenset({"title", "ctrTitle"})
_SMALL = frozenset({"dt", "ftr", "sldNum"})
_DEFAULT_SLOTS = {"lt1": WHITE, "dk1": BLACK}
_USUAL_MAPPING = {"bg1": "lt1", "tx1": "dk1", "bg2": "lt2", "tx2": "dk2"}
_BACKGROUND_FILLS = 1001
_DEFAULT_SIZE = (9_144_000, 6_858_000)
_MAX_LAYOUTS = 50
NO_PAINT = Paint(WHITE, 0.0)


def placeholder_of(shape: Element) -> Element | None:
    return shape.find("./*/{*}nvPr/{*}ph")


def fill_in(properties: Element | None) -> Element | None:
    """The fill that the properties of a shape, a text or a cell name themselves."""
    return None if properties is None else next((each for each in properties if local(each) in _PAINTS), None)


@dataclass
class Layer:
    """A layout or a master. root: of its part."""

    root: Element

    @cached_property
    def _placeholders(self) -> dict[str, Element]:
        """By index and by kind, the first of each."""
        found: dict[str, Element] = {}
        for shape in self.root.iterfind("{*}cSld/{*}spTree/{*}sp"):
            if (placeholder := placeholder_of(shape)) is not None:
                found.setdefault(_kind(placeholder), shape)
                if _kind(placeholder) != "title":
                    found.setdefault(f"#{placeholder.get('idx', '0')}", shape)
        return found

    def like(self, placeholder: Element) -> Element | None:
        """The placeholder that one of a slide, or of a layout, follows."""
        kind = _kind(placeholder)
        if kind == "title" or local(self.root) == "sldMaster":
            return self._placeholders.get(kind)
        return self._placeholders.get(f"#{placeholder.get('idx', '0')}", self._placeholders.get(kind))


def _kind(placeholder: Element) -> str:
    kind = placeholder.get("type", "obj")
    return "title" if kind in _TITLES else kind if kind in _SMALL else "body"


@dataclass
class DrawingStyles:
    """theme: the root of its part. layers: the layout and the master, as far as there are any. slide: its root.
    defaults: the text styles of the presentation. size: of the slide; None where drawings have no page.
    """

    theme: Element | None = None
    layers: tuple[Layer, ...] = ()
    slide: Element | None = None
    defaults: Element | None = None
    size: tuple[int, int] | None = None
    slots: Mapping[str, Colour] = field(init=False)

    def __post_init__(self) -> None:
        self.slots = _DEFAULT_SLOTS | (theme_slots(self.theme) if self.theme is not None else {})

    def slot(self, name: str) -> Colour | None:
        """A colour of the theme by the name that drawings use."""
        return self.slots.get(self._mapping.get(name, name))

    @cached_property
    def _mapping(self) -> Mapping[str, str]:
        roots = [root for root in (self.slide, *(layer.root for layer in self.layers)) if root is not None]
        for root in roots:
            found = root.find("{*}clrMapOvr/{*}overrideClrMapping")
            found = root.find("{*}clrMap") if found is None else found
            if found is not None:
                return {str(name): str(value) for name, value in found.attrib.items()}
        return _USUAL_MAPPING

    @cached_property
    def background(self) -> Colour | None:
        """Behind everything on the slide; None when it is not one known colour."""
        for root in (self.slide, *(layer.root for layer in self.layers)):
            background = root.find("{*}cSld/{*}bg") if root is not None else None
            holder = next(iter(background), None) if background is not None else None
            if holder is None:
                continue
            fill = self.referred(holder) if local(holder) == "bgRef" else self.paint_of(fill_in(holder))
            return fill.on(WHITE) if fill is not None else None
        return WHITE

    def paint_of(self, fill: Element | None, slot_of_shape: Colour | None = None) -> Paint | None:
        """What a fill, or another element that holds a colour, paints; None when that is not one known colour."""
        if fill is not None and local(fill) == "noFill":
            return NO_PAINT
        if fill is None or local(fill) not in _HOLDERS:
            return None
        return painted(fill, lambda name: slot_of_shape if name == "phClr" else self.slot(name))

    def referred(self, reference: Element) -> Paint | None:
        """What a fill of the theme paints in the colour of the reference; None when it is not known."""
        number = whole(reference.get("idx"), 0)
        if number in (0, _BACKGROUND_FILLS - 1):
            return NO_PAINT
        kind = "bgFillStyleLst" if number >= _BACKGROUND_FILLS else "fillStyleLst"
        fills = self.theme.find(f".//{{*}}fmtScheme/{{*}}{kind}") if self.theme is not None else None
        at = (number - 1) % (_BACKGROUND_FILLS - 1)
        colour = self.paint_of(reference)
        if fills is None:
            return colour
        return self.paint_of(fills[at], colour.colour if colour is not None else None) if at < len(fills) else None

    def followed(self, shape: Element) -> Iterator[Element]:
        """The shape, and the placeholders of the layout and of the master that it follows."""
        yield shape
        placeholder = placeholder_of(shape)
        for layer in self.layers if placeholder is not None else ():
            found = layer.like(placeholder)
            if found is not None:
                yield found
                placeholder = placeholder_of(found)

    def text_levels(self, body: Element, level: int) -> list[Element]:
        """The properties of the paragraphs of this level in a text, nearest first, with the colour that the style of a
        shape gives to its text (`fontRef`) at its place.
        """
        name = f"{{*}}lvl{min(level, MAX_LEVEL) + 1}pPr"
        lists = self._list_styles(body)
        return [found for each in lists if (found := each if local(each) == "fontRef" else each.find(name)) is not None]

    def _list_styles(self, body: Element) -> list[Element]:
        shape = body.getparent()
        if shape is None or local(shape) != "sp":
            return [each for each in (body.find("{*}lstStyle"),) if each is not None]
        placeholder = placeholder_of(shape)
        found = [each.find("{*}txBody/{*}lstStyle") for each in self.followed(shape)]
        found.append(shape.find("{*}style/{*}fontRef"))
        master = self.layers[-1].root if self.layers else None
        if master is not None:
            kind = "other" if placeholder is None else _kind(placeholder)
            styles = "otherStyle" if kind in (*_SMALL, "other") else f"{kind}Style"
            found.append(master.find(f"{{*}}txStyles/{{*}}{styles}"))
        found.append(self.defaults)
        return [each for each in found if each is not None]


@dataclass
class SlideStyles:
    """The styles of the slides of a presentation. main: the name of its main part."""

    parts: Parts
    main: str
    _layers: dict[str, tuple[tuple[Layer, ...], Element | None]] = field(default_factory=dict)

    @cached_property
    def _presentation(self) -> Element:
        return self.parts.xml(self.main)

    @cached_property
    def _size(self) -> tuple[int, int]:
        size = self._presentation.find("{*}sldSz")
        if size is None:
            return _DEFAULT_SIZE
        return whole_emu(size.get("cx"), _DEFAULT_SIZE[0]), whole_emu(size.get("cy"), _DEFAULT_SIZE[1])

    def of(self, name: str, slide: Element) -> DrawingStyles:
        """name: of the slide's part."""
        layout = self._target(name, "slideLayout")
        if layout not in self._layers:
            master = self._target(layout, "slideMaster")
            theme = self._target(master, "theme")
            if len(self._layers) >= _MAX_LAYOUTS:
                self._layers.clear()
            roots = (self.parts.look(each) for each in (layout, master))
            layers = tuple(Layer(root) for root in roots if root is not None)
            self._layers[layout] = (layers, self.parts.look(theme))
        layers, scheme = self._layers[layout]
        return DrawingStyles(scheme, layers, slide, self._presentation.find("{*}defaultTextStyle"), self._size)

    def _target(self, name: str, kind: str) -> str:
        """The part of a kind that a part refers to; nothing when there is none."""
        related = self.parts.related(name).values() if name else ()
        return next(
            (each.target for each in related if each.kind == kind and not each.external and each.target in self.parts),
            "",
        )


def whole_emu(written: str | None, default: int) -> int:
    """A length in the units of drawings."""
    try:
        return int(written) if written is not None and len(written) < 15 else default
    except ValueError:
        return default
