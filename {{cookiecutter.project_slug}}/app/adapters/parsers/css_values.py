"""Values of CSS properties: lengths in pixels, numbers and colours."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import tinycss2
from tinycss2.ast import FunctionBlock, Node, ParenthesesBlock
from tinycss2.color5 import parse_color

Rgba = tuple[float, float, float, float]
"""Red, green, blue and opacity, from 0 to 1."""

_UNITS = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78, "q": 0.945, "rem": 16.0}
_UNITS |= dict.fromkeys(("vw", "vi", "svw", "lvw", "dvw", "vmax", "cqw", "cqi"), 12.8)
_UNITS |= dict.fromkeys(("vh", "vb", "svh", "lvh", "dvh", "vmin", "cqh", "cqb"), 7.2)
_OF_FONT = {"em": 1.0, "lh": 1.2, "rlh": 1.2, "ex": 0.5, "ch": 0.5, "cap": 0.7, "ic": 1.0}
_MAX_DEPTH = 8
_VAR = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,([^()]*(?:\([^()]*\)[^()]*)*))?\)", re.IGNORECASE)


class Measure(NamedTuple):
    """What lengths refer to. em: the font size; percent: pixels of one hundredth of the container."""

    em: float = 16.0
    percent: float = 12.8


USUAL = Measure()


@lru_cache(4096)
def tokens(value: str) -> tuple[Node, ...]:
    """The parts of a value, without white space and comments."""
    return tuple(t for t in tinycss2.parse_component_value_list(value) if t.type not in ("whitespace", "comment"))


def resolved(value: str, variables: dict[str, str]) -> str:
    """The value with its variables replaced, or their fallbacks."""
    for _ in range(_MAX_DEPTH):
        if "var(" not in value.lower() or len(value) > 10_000:
            break
        value = _VAR.sub(lambda match: variables.get(match[1], match[2] or "").strip(), value)
    return value


def numbers(parts: Sequence[Node], measure: Measure = USUAL) -> list[float]:
    """All lengths and numbers among the parts, in pixels or as they are."""
    return [value for part in parts if (value := number(part, measure)) is not None]


def number(part: Node, measure: Measure = USUAL, depth: int = 0) -> float | None:
    """A length in pixels or a plain number, also of a calculation; None for anything else."""
    if part.type == "number":
        return float(part.value)
    if part.type == "percentage":
        return float(part.value) * measure.percent
    if part.type == "dimension":
        unit = part.lower_unit
        return float(part.value) * (_OF_FONT[unit] * measure.em if unit in _OF_FONT else _UNITS.get(unit, 1.0))
    if isinstance(part, FunctionBlock) and depth < _MAX_DEPTH:
        return _function(part, measure, depth + 1)
    if isinstance(part, ParenthesesBlock) and depth < _MAX_DEPTH:
        return _sum(_words(part.content), measure, depth + 1)
    return None


def _function(part: FunctionBlock, measure: Measure, depth: int) -> float | None:
    name = part.lower_name
    if name == "calc":
        return _sum(_words(part.arguments), measure, depth)
    if name not in ("min", "max", "clamp"):
        return None
    values = [_sum(words, measure, depth) for words in split(part.arguments)]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return max(known[0], min(known[1:])) if name == "clamp" else min(known) if name == "min" else max(known)


def _sum(words: Sequence[Node], measure: Measure, depth: int) -> float | None:
    """A sum of products, from left to right."""
    total, product, sign, by = 0.0, None, 1.0, "*"
    for word in words:
        if word.type == "literal" and word.value in "*/":
            by = word.value
        elif word.type == "literal" and word.value in "+-":
            total, product, sign, by = total + sign * (product or 0.0), None, -1.0 if word.value == "-" else 1.0, "*"
        else:
            value = number(word, measure, depth)
            if value is None:
                return None
            product = value if product is None else product * value if by == "*" else product / (value or 1.0)
    return total + sign * (product or 0.0)


def split(arguments: Sequence[Node]) -> list[list[Node]]:
    """Arguments at their commas."""
    groups: list[list[Node]] = [[]]
    for word in _words(arguments):
        if word.type == "literal" and word.value == ",":
            groups.append([])
        else:
            groups[-1].append(word)
    return groups


def _words(parts: Sequence[Node]) -> list[Node]:
    return [part for part in parts if part.type not in ("whitespace", "comment")]


def share(part: Node) -> float | None:
    """A number or a percentage, 1 for all of it."""
    return float(part.value) / (100 if part.type == "percentage" else 1) if part.type in _SHARES else None


_SHARES = ("number", "percentage")


@lru_cache(4096)
def colour(value: str) -> Rgba | None:
    """None for what is no colour, or none that can be computed."""
    try:
        parsed = parse_color(value)
    except (ValueError, TypeError):
        return None
    if parsed is None or isinstance(parsed, str):
        return None
    alpha = 1.0 if parsed.alpha is None else float(parsed.alpha)
    if parsed.space in ("lab", "lch", "oklab", "oklch"):
        return (*(_grey(float(parsed.coordinates[0] or 0), perceptual=parsed.space.startswith("ok")),) * 3, alpha)
    try:
        red, green, blue = (float(each or 0) for each in parsed.to("srgb").coordinates)
    except (NotImplementedError, ValueError):
        return None
    return red, green, blue, alpha


def _grey(light: float, *, perceptual: bool) -> float:
    """The grey of the same lightness, which tells whether text can be read as well as the colour does."""
    luminance = light**3 if perceptual else ((light + 16) / 116) ** 3
    luminance = min(1.0, max(0.0, luminance))
    return 12.92 * luminance if luminance < 0.0031308 else float(1.055 * luminance ** (1 / 2.4) - 0.055)


def colours_in(parts: Sequence[Node], depth: int = 0) -> list[Rgba]:
    """All colours among the parts and within their functions."""
    found: list[Rgba] = []
    for part in parts:
        if part.type in ("ident", "hash", "function") and (one := colour(part.serialize())) is not None:
            found.append(one)
        elif isinstance(part, FunctionBlock) and depth < _MAX_DEPTH:
            found += colours_in(part.arguments, depth + 1)
    return found


def over(colour: Rgba, beneath: Rgba) -> Rgba:
    """A colour on an opaque one."""
    alpha = colour[3]
    red, green, blue = (alpha * a + (1 - alpha) * b for a, b in zip(colour[:3], beneath[:3], strict=True))
    return red, green, blue, 1.0
