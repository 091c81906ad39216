"""Whether a reader sees the text of an element, by its computed style."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tinycss2.ast import FunctionBlock, Node

from app.adapters.parsers.css_boxes import is_away, is_cut_off, room_added
from app.adapters.parsers.css_cascade import Declaration
from app.adapters.parsers.css_values import (
    Measure,
    Rgba,
    colour,
    colours_in,
    number,
    over,
    resolved,
    share,
    tokens,
)

Values = dict[str, str]

_BLACK, _WHITE = (0.0, 0.0, 0.0, 1.0), (1.0, 1.0, 1.0, 1.0)
_TOO_ALIKE = 0.12
_FAINT = 0.1
_TINY_PIXELS = 2.0
_BLURRED_PIXELS = 6.0
_SIZES = {"xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0}
_SIZES |= {"xx-large": 32.0, "xxx-large": 48.0, "larger": 19.0, "smaller": 13.0}


@dataclass(frozen=True, slots=True)
class Style:
    """What an element hands down. backgrounds: the colours that its text may stand on; none: they are not known.
    gone: nothing within it is shown. scale: by zoom and transforms. room: pixels between the left edge of the page and
    that of its text.
    """

    colour: Rgba = _BLACK
    backgrounds: tuple[Rgba, ...] = (_WHITE,)
    opacity: float = 1.0
    font_size: float = 16.0
    scale: float = 1.0
    spacing: float = 0.0
    invisible: bool = False
    gone: bool = False
    inverted: bool = False
    room: float = 0.0
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def shows_text(self) -> bool:
        if self.gone or self.invisible or self.opacity < _FAINT or self.spacing < -0.4 * self.font_size:
            return False
        if self.font_size * self.scale < _TINY_PIXELS or self.colour[3] * self.opacity < _FAINT:
            return False
        return not self.backgrounds or not all(self._fades_into(each) for each in self.backgrounds)

    def on_unknown(self) -> "Style":
        """The same on a background that cannot be known, such as a drawing."""
        return replace(self, colour=_BLACK, backgrounds=())

    def _fades_into(self, background: Rgba) -> bool:
        shown = over(self.colour, background)
        if self.inverted:
            shown = (1 - shown[0], 1 - shown[1], 1 - shown[2], 1.0)
        difference = max(abs(a - b) for a, b in zip(shown[:3], background[:3], strict=True))
        return difference * self.opacity < _TOO_ALIKE


@dataclass
class Styles:
    """Computes styles, each combination once: pages repeat a few of them."""

    _known: dict[tuple[Style, tuple[Declaration, ...]], Style] = field(default_factory=dict)

    def of(self, parent: Style, declarations: tuple[Declaration, ...]) -> Style:
        """declarations: in rising order of precedence, apart from important ones."""
        if not declarations or parent.gone:
            return parent
        key = (parent, declarations)
        if (style := self._known.get(key)) is None:
            if len(self._known) > 50_000:
                self._known.clear()
            style = self._known[key] = _computed(parent, declarations)
        return style


def _computed(parent: Style, declarations: Iterable[Declaration]) -> Style:
    winning: dict[str, Declaration] = {}
    for declaration in declarations:
        earlier = winning.pop(declaration.name, None)
        winning[declaration.name] = earlier if earlier and earlier.important > declaration.important else declaration
    variables = dict(parent.variables)
    variables |= {d.name: d.value for d in winning.values() if d.name.startswith("--")}
    values = {d.name: resolved(d.value, variables).lower() for d in winning.values() if not d.name.startswith("--")}
    style = replace(parent, variables=tuple(variables.items()), font_size=_font_size(parent, values))
    style = replace(style, scale=style.scale * _scale(values), opacity=style.opacity * _opacity(values))
    style = replace(style, spacing=_spacing(style, values), backgrounds=_backgrounds(parent, values))
    style = replace(style, colour=_colour(parent, values), invisible=_invisible(parent, values))
    if _factor(values, "invert", 0.0) > 0.5:
        style = replace(style, inverted=not any(name.startswith("background") for name in values))
    measure = Measure(style.font_size)
    return replace(style, gone=_gone(values, measure, parent.room), room=parent.room + room_added(values, measure))


def _gone(values: Values, measure: Measure, room: float) -> bool:
    if values.get("display") == "none" or values.get("content-visibility") == "hidden":
        return True
    if _factor(values, "blur", 0.0) > _BLURRED_PIXELS or _factor(values, "contrast", 1.0) < _FAINT:
        return True
    return is_away(values, measure, room) or is_cut_off(values, measure)


def _invisible(parent: Style, values: Values) -> bool:
    visibility = values.get("visibility", "inherit")
    return parent.invisible if visibility == "inherit" else visibility in ("hidden", "collapse")


def _opacity(values: Values) -> float:
    part = next(iter(tokens(values.get("opacity", "1"))), None)
    amount = share(part) if part is not None else None
    if amount is None and part is not None:
        amount = number(part)
    return (1.0 if amount is None else max(0.0, min(1.0, amount))) * min(1.0, _factor(values, "opacity", 1.0))


def _factor(values: Values, function: str, default: float) -> float:
    """The argument of a function of `filter`."""
    for part in tokens(values.get("filter", "") or values.get("-webkit-filter", "")):
        if isinstance(part, FunctionBlock) and part.lower_name == function:
            first = next((each for each in part.arguments if each.type != "whitespace"), None)
            amount = None if first is None else share(first)
            if amount is None and first is not None:
                amount = number(first)
            return default if amount is None else amount
    return default


def _font_size(parent: Style, values: Values) -> float:
    size = values.get("font-size")
    if size is None and "font" in values:
        size = next((p.serialize() for p in tokens(values["font"]) if p.type in ("dimension", "percentage")), None)
        size = size or next((p.serialize() for p in tokens(values["font"]) if p.type == "number" and not p.value), None)
    if not size:
        return parent.font_size
    if size in _SIZES:
        return _SIZES[size]
    part = next(iter(tokens(size)), None)
    pixels = None if part is None else number(part, Measure(parent.font_size, parent.font_size / 100))
    return parent.font_size if pixels is None else max(0.0, pixels)


def _scale(values: Values) -> float:
    """The smaller of the two factors by which transforms and zoom change the size."""
    factor = 1.0
    if zoom := tokens(values.get("zoom", "")):
        factor *= _first(share(zoom[0]), 1.0)
    if parts := tokens(values.get("scale", "")):
        factor *= min((abs(amount) for part in parts if (amount := share(part)) is not None), default=1.0)
    for part in tokens(values.get("transform", "")):
        if isinstance(part, FunctionBlock):
            factor *= _shrinks(part)
    return factor


def _shrinks(part: FunctionBlock) -> float:
    name = part.lower_name
    amounts = [amount for each in part.arguments if (amount := share(each)) is not None]
    if name.startswith("scale") and amounts:
        return min(map(abs, amounts[:2]))
    if name in ("matrix", "matrix3d") and len(amounts) in (6, 16):
        across = (amounts[0], amounts[1]), (amounts[2], amounts[3])
        if name == "matrix3d":
            across = (amounts[0], amounts[1]), (amounts[4], amounts[5])
        return min(float((a * a + b * b) ** 0.5) for a, b in across)
    if name in ("rotatex", "rotatey"):
        turn = next((each for each in part.arguments if each.type == "dimension"), None)
        if turn is not None and turn.lower_unit == "deg" and abs(turn.value % 180 - 90) < 2:
            return 0.0
    return 1.0


def _spacing(style: Style, values: Values) -> float:
    part = next(iter(tokens(values.get("letter-spacing", ""))), None)
    return style.spacing if part is None else _first(number(part, Measure(style.font_size)), 0.0)


def _first(value: float | None, default: float) -> float:
    return default if value is None else value


def _colour(parent: Style, values: Values) -> Rgba:
    own = values.get("-webkit-text-fill-color") or values.get("color")
    clipped = "text" in (values.get("background-clip"), values.get("-webkit-background-clip"))
    if own is None or clipped:
        return parent.colour
    return colour(own) or parent.colour


def _backgrounds(parent: Style, values: Values) -> tuple[Rgba, ...]:
    """Of an element that paints none, that of its parent; of a gradient, all its colours."""
    if "text" in (values.get("background-clip"), values.get("-webkit-background-clip")):
        return ()
    image, plain = _painted(values)
    if any(part.type == "url" or (isinstance(part, FunctionBlock) and part.lower_name in _FILES) for part in image):
        return ()
    base = parent.backgrounds
    for colours in ([each for each in colours_in(plain)[:1] if each[3] > 0], colours_in(image)):
        base = (
            tuple(dict.fromkeys(over(each, beneath) for each in colours for beneath in base))[:16] if colours else base
        )
    return base


_FILES = ("url", "src", "image", "image-set", "cross-fade", "paint", "element")


def _painted(values: Values) -> tuple[list[Node], list[Node]]:
    """The images and the colour of the background; later declarations win."""
    image: list[Node] = []
    plain: list[Node] = []
    for name, value in values.items():
        parts = list(tokens(value)) if name.startswith("background") else []
        pictures = [part for part in parts if part.type == "url" or _is_picture(part)]
        if name == "background":
            image, plain = pictures, [part for part in parts if part not in pictures]
        elif name == "background-image":
            image = pictures
        elif name == "background-color":
            plain = parts
    return image, plain


def _is_picture(part: Node) -> bool:
    return isinstance(part, FunctionBlock) and (part.lower_name in _FILES or "gradient" in part.lower_name)
