"""Whether a box is moved out of sight, cut off or without size."""

from itertools import pairwise

from tinycss2.ast import FunctionBlock, Node

from app.adapters.parsers.css_values import Measure, number, numbers, split, tokens

Values = dict[str, str]

_AWAY = -100.0
_FAR_AWAY = 2_500.0
_NO_SIZE = 2.0
_LEFT, _TOP = ("left", "inset-inline-start", "inset"), ("top", "inset-block-start")
_LEFT_SHIFTS = ("margin", "margin-left", "margin-inline", "margin-inline-start", "text-indent")
_TOP_SHIFTS = ("margin-top", "margin-block", "margin-block-start")
_PERCENT_OF_WIDTH, _PERCENT_OF_HEIGHT = 4.0, 0.5
_WIDTHS = ("width", "max-width", "inline-size", "max-inline-size")
_HEIGHTS = ("height", "max-height", "block-size", "max-block-size", "line-height")


def is_away(values: Values, measure: Measure) -> bool:
    """Whether the box is moved off the page, with everything that moves it added up."""
    moved = values.get("position", "static") not in ("static", "sticky")
    right, bottom = (sum(_numbers(values, name, measure)[:1]) for name in ("right", "bottom"))
    if moved and (right <= _AWAY or bottom <= 10 * _AWAY):
        return True
    by_left, by_top = _translation(values, measure)
    left = by_left + _total(values, (*(_LEFT if moved else ()), *_LEFT_SHIFTS), measure)
    top = by_top + _total(values, (*(_TOP if moved else ()), *_TOP_SHIFTS), measure)
    return (
        left <= _AWAY or top <= _AWAY or left >= _FAR_AWAY or (top >= _FAR_AWAY and values.get("position") == "fixed")
    )


def _total(values: Values, names: tuple[str, ...], measure: Measure) -> float:
    """Of the last value of each, which is the left one of those for four sides."""
    return sum(sum(_numbers(values, name, measure)[-1:]) for name in names)


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
    if overflow.split() and overflow.split()[0] != "visible":
        sizes = [size for name in (*_WIDTHS, *_HEIGHTS) for size in _numbers(values, name, measure)[:1]]
        padded = any(
            pad > _NO_SIZE for name in ("padding", "padding-bottom") for pad in _numbers(values, name, measure)
        )
        if any(size < _NO_SIZE for size in sizes) and not padded:
            return True
    parts = (
        *tokens(values.get("clip", "")),
        *tokens(values.get("clip-path", "") or values.get("-webkit-clip-path", "")),
    )
    return any(isinstance(part, FunctionBlock) and _shows_nothing(part, measure) for part in parts)


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
