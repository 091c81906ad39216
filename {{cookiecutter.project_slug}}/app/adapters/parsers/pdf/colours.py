"""Colours of a PDF as RGB from 0 to 1, in every colour space that can be computed."""

from collections.abc import Sequence
from typing import Any

from pypdf.generic import ArrayObject, DictionaryObject

Colour = tuple[float, float, float] | None
"""None: a colour that is not known, such as a pattern."""

BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
_DEVICES = {"/DeviceGray": 1, "/G": 1, "/CalGray": 1, "/DeviceRGB": 3, "/RGB": 3, "/CalRGB": 3}
_DEVICES |= {"/DeviceCMYK": 4, "/CMYK": 4}
_MAX_DEPTH = 4


def device_colour(values: Sequence[float]) -> Colour:
    """Of grey, RGB or CMYK values, by their number."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    if len(values) == 3:
        return values[0], values[1], values[2]
    if len(values) == 4:
        cyan, magenta, yellow, black = values
        return (1 - cyan) * (1 - black), (1 - magenta) * (1 - black), (1 - yellow) * (1 - black)
    return None


def initial_colour(space: Any) -> Colour:
    """The colour that is in force when a colour space is chosen."""
    name = _name(space)
    if name in _DEVICES:
        return BLACK
    if name in ("/Separation", "/DeviceN"):
        names = space[1] if isinstance(space[1], ArrayObject) else [space[1]]
        return colour_in(space, [1.0] * len(names))
    return colour_in(space, [0.0]) if name == "/Indexed" else None if name == "/Pattern" else BLACK


def colour_in(space: Any, values: Sequence[float], depth: int = 0) -> Colour:
    """The colour of these components in a colour space, which is a name or an array."""
    name = _name(space)
    if depth > _MAX_DEPTH:
        return None
    if name in _DEVICES:
        return device_colour(values)
    if name == "/ICCBased":
        return device_colour(values)
    if name == "/Lab":
        return _lab(values)
    if name == "/Indexed":
        return _indexed(space, int(values[0]), depth)
    if name in ("/Separation", "/DeviceN"):
        return _tinted(space, values, depth)
    return None


def paints_nothing(space: Any) -> bool:
    """Whether marks in this colour space never appear."""
    return _name(space) == "/Separation" and str(space[1]) == "/None"


def _name(space: Any) -> str:
    return str(space[0].get_object() if isinstance(space, ArrayObject) and space else space)


def _lab(values: Sequence[float]) -> Colour:
    light, a, b = values
    y = (light + 16) / 116
    x, z = (_cube(y + a / 500) * 0.95, _cube(y - b / 200) * 1.09)
    y = _cube(y)
    linear = (3.24 * x - 1.54 * y - 0.5 * z, -0.97 * x + 1.88 * y + 0.04 * z, 0.06 * x - 0.2 * y + 1.06 * z)
    red, green, blue = (min(1.0, max(0.0, each)) ** (1 / 2.2) for each in linear)
    return red, green, blue


def _cube(value: float) -> float:
    return value**3 if value > 6 / 29 else (value - 16 / 116) * 0.128


def _indexed(space: Any, index: int, depth: int) -> Colour:
    base, table = space[1].get_object(), space[3].get_object()
    data = table.get_data() if hasattr(table, "get_data") else getattr(table, "original_bytes", b"")
    size = _components(base)
    entry = data[index * size : (index + 1) * size]
    return colour_in(base, [byte / 255 for byte in entry], depth + 1) if len(entry) == size else None


def _components(space: Any) -> int:
    name = _name(space)
    if name == "/ICCBased":
        return int(space[1].get_object()["/N"])
    return _DEVICES.get(name, 3 if name == "/Lab" else 1)


def _tinted(space: Any, tints: Sequence[float], depth: int) -> Colour:
    """No ink at all is white where the tint transform cannot be computed."""
    values = _evaluate(space[3].get_object(), tints)
    if values is None:
        return None if any(tint > 0.01 for tint in tints) else WHITE
    return colour_in(space[2].get_object(), values, depth + 1)


def _evaluate(function: Any, inputs: Sequence[float]) -> list[float] | None:
    """The value of a PDF function; None for PostScript and for functions of several inputs."""
    if not isinstance(function, DictionaryObject) or len(inputs) != 1:
        return None
    kind = function.get("/FunctionType")
    if kind == 2:
        return _exponential(function, inputs[0])
    if kind == 3:
        return _stitched(function, inputs[0])
    return _sampled(function, inputs[0]) if kind == 0 else None


def _exponential(function: Any, x: float) -> list[float]:
    start = [float(each) for each in function.get("/C0", (0.0,))]
    end = [float(each) for each in function.get("/C1", (1.0,))]
    power = x ** float(function["/N"])
    return [a + power * (b - a) for a, b in zip(start, end, strict=True)]


def _stitched(function: Any, x: float) -> list[float] | None:
    bounds = [float(each) for each in function["/Bounds"]]
    place = sum(x >= bound for bound in bounds)
    low, high = [float(function["/Domain"][0]), *bounds][place], [*bounds, float(function["/Domain"][1])][place]
    first, last = (float(each) for each in function["/Encode"][2 * place : 2 * place + 2])
    share = (x - low) / (high - low) if high > low else 0.0
    return _evaluate(function["/Functions"][place].get_object(), [first + share * (last - first)])


def _sampled(function: Any, x: float) -> list[float] | None:
    """From the nearest sample of eight bits."""
    if function.get("/BitsPerSample") != 8:
        return None
    ranges = [float(each) for each in function["/Range"]]
    size, outputs = int(function["/Size"][0]), len(ranges) // 2
    at = round(max(0.0, min(1.0, x)) * (size - 1)) * outputs
    samples = function.get_data()[at : at + outputs]
    decode = [float(each) for each in function.get("/Decode", ranges)]
    return [decode[2 * n] + byte / 255 * (decode[2 * n + 1] - decode[2 * n]) for n, byte in enumerate(samples)]
