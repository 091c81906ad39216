"""Whether a box is moved out of sight, cut off or without size."""

from itertools import pairwise

from tinycss2.ast import FunctionBlock, Node

from app.adapters.parsers.css_values import Measure, number, numbers, split, tokens

Values = dict[str, str]

_AWAY = -100.0
_ABOVE = -500.0
_FAR_AWAY = 2_500.0
_PAGE_WIDTH = 1_280.0
_NO_SIZE = 2.0
_NARROW = 60.0
_LEFT, _TOP = ("left", "inset-inline-start", "inset"), ("top", "inset-block-start")
_LEFT_MARGINS = ("margin", "margin-left", "margin-inline", "margin-inline-start")
_LEFT_PADDINGS = ("padding", "padding-left", "padding-inline", "padding-inline-start")
_TOP_SHIFTS = ("margin-top", "margin-block", "margin-block-start")
_PERCENT_OF_WIDTH, _PERCENT_OF_HEIGHT = 4.0, 0.5
_WIDTHS = ("width", "max-width", "inline-size", "max-inline-size")
_HEIGHTS = ("height", "max-height", "block-size", "max-block-size")
_COLUMNS = ("inline-block", "inline-flex", "inline-grid", "inline-table", "table-cell")


def is_away(values: Values, measure: Measure, room: float = 0.0) -> bool:
    """Whether the box is moved off the page, with everything that moves it added up. room: what is free at its left."""
    moved = values.get("position", "static") not in ("static", "sticky")
    right, bottom = (sum(_numbers(values, name, measure)[:1]) for name in ("right", "bottom"))
    if moved and (right <= _AWAY - room or right >= _FAR_AWAY or bottom <= 10 * _AWAY):
        return True
    by_left, by_top = _translation(values, measure)
    left = by_left + _total(values, (*(_LEFT if moved else ()), *_LEFT_MARGINS), measure)
    top = by_top + _total(values, (*(_TOP if moved else ()), *_TOP_SHIFTS), measure)
    if left <= _limit(values, measure) - room or left >= _FAR_AWAY:
        return True
    indent = _total(values, ("text-indent",), measure)
    if indent and left + indent + _total(values, _LEFT_PADDINGS, measure) <= _AWAY - room:
        return True
    return top <= _ABOVE or (top >= _FAR_AWAY and values.get("position") == "fixed")


def _limit(values: Values, measure: Measure) -> float:
    """How far left is off the page: a column may be moved across the one before it."""
    if values.get("float", "none") != "none" or values.get("display") in _COLUMNS:
        return -_FAR_AWAY
    if values.get("position", "static") in ("absolute", "fixed"):
        return _AWAY
    width = next(iter(_numbers(values, "width", measure)), 0.0)
    return min(_AWAY, -width - 20) if width >= _NARROW else _AWAY


def room_added(values: Values, measure: Measure) -> float:
    """Pixels by which the text of a box begins further to the right than that of the box around it."""
    room = max(0.0, _total(values, _LEFT_PADDINGS, measure)) + max(0.0, _total(values, _LEFT_MARGINS, measure))
    widths = [width for name in _WIDTHS[:2] for width in _numbers(values, name, measure)]
    if widths and any("auto" in values.get(name, "") for name in _LEFT_MARGINS):
        room += max(0.0, (_PAGE_WIDTH - min(widths)) / 2)
    return room


def _total(values: Values, names: tuple[str, ...], measure: Measure) -> float:
    """Of the left one of each that has a value for every side."""
    return sum(_left(_numbers(values, name, measure)) for name in names)


def _left(sides: list[float]) -> float:
    return sides[1] if len(sides) == 3 else sides[-1] if sides else 0.0


def _translation(values: Values, measure: Measure) -> tuple[float, float]:
    wide, high = Measure(measure.em, _PERCENT_OF_WIDTH), Measure(measure.em, _PERCENT_OF_HEIGHT)
    by = tokens(values.get("translate", ""))
    left, top = sum(numbers(by[:1], wide)), sum(numbers(by[1:2], high))
    for part in tokens(values.get("transform", "")):
        if isinstance(part, FunctionBlock) and part.lower_name.startswith("translate"):
            moves = [*split(part.arguments), []]
            if part.lower_name == "translatey":
                moves.insert(0, [])
            left += sum(numbers(moves[0], wide))
            top += sum(numbers(moves[1], high))
    return left, top


def is_cut_off(values: Values, measure: Measure) -> bool:
    overflow = " ".join(values.get(name, "") for name in ("overflow", "overflow-x", "overflow-y"))
    clips = bool(overflow.split()) and overflow.split()[0] != "visible"
    if clips and not values.get("display", "").startswith("table") and _has_no_size(values, measure):
        return True
    parts = (
        *tokens(values.get("clip", "")),
        *tokens(values.get("clip-path", "") or values.get("-webkit-clip-path", "")),
    )
    return any(isinstance(part, FunctionBlock) and _shows_nothing(part, measure) for part in parts)


def _has_no_size(values: Values, measure: Measure) -> bool:
    if any(pad > _NO_SIZE for name in ("padding", "padding-bottom") for pad in _numbers(values, name, measure)):
        return False
    least = [sum(_numbers(values, name, measure)[:1]) for name in ("min-width", "min-height")]
    heights = (*_HEIGHTS, *(() if "height" in values else ("line-height",)))
    return any(
        size < _NO_SIZE
        for names, minimum in zip((_WIDTHS, heights), least, strict=True)
        for name in (names if minimum < _NO_SIZE else ())
        for size in _numbers(values, name, measure)[:1]
    )


def _shows_nothing(part: FunctionBlock, measure: Measure) -> bool:
    name, groups = part.lower_name, split(part.arguments)
    if name == "rect":
        sizes = numbers(part.arguments, measure)
        top, right, bottom, left = (*sizes, 0, 0, 0, 0)[:4]
        return len(sizes) == 4 and (right - left < _NO_SIZE or bottom - top < _NO_SIZE)
    if name == "xywh":
        return min(numbers(part.arguments, measure)[2:4], default=99.0) < _NO_SIZE
    if name in ("circle", "ellipse"):
        words = groups[0]
        end = next((n for n, word in enumerate(words) if word.type == "ident" and word.value == "at"), len(words))
        return min(numbers(words[:end], measure), default=99.0) < _NO_SIZE
    if name == "inset":
        return _insets(groups[0])
    return name == "polygon" and _polygon_area(groups, measure) < _NO_SIZE * measure.em


def _insets(words: list[Node]) -> bool:
    """Whether opposite sides meet."""
    edge = [float(word.value) for word in words if word.type == "percentage"]
    if not edge or len(edge) > 4:
        return False
    top, right, bottom, left = {1: edge * 4, 2: edge * 2, 3: [*edge, edge[1]] if len(edge) == 3 else edge}.get(
        len(edge), edge
    )
    return top + bottom >= 100 or left + right >= 100


def _polygon_area(groups: list[list[Node]], measure: Measure) -> float:
    """In square pixels."""
    points = [(xy[0], xy[1]) for group in groups if len(xy := numbers(group, measure)) >= 2]
    around = [*points, *points[:1]]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(around))) / 2


def _numbers(values: Values, name: str, measure: Measure) -> list[float]:
    return [value for part in tokens(values.get(name, "")) if (value := number(part, measure)) is not None]
