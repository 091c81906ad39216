"""Matrices, boxes and filled areas on a PDF page."""

from collections.abc import Sequence
from typing import Any

Matrix = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
Point = tuple[float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_SAMPLES = tuple((x, y) for x in (0.05, 0.3, 0.5, 0.7, 0.95) for y in (0.2, 0.5, 0.8))


def matrix_of(values: Sequence[Any]) -> Matrix:
    a, b, c, d, e, f = (float(value) for value in values[:6])
    return a, b, c, d, e, f


def box_from(values: Sequence[Any]) -> Box:
    """A box from an array of the file, whose corners may be in any order."""
    left, bottom, right, top = (float(value) for value in values[:4])
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def times(m: Matrix, n: Matrix) -> Matrix:
    return (
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
        m[4] * n[0] + m[5] * n[2] + n[4],
        m[4] * n[1] + m[5] * n[3] + n[5],
    )


def at(m: Matrix, x: float, y: float) -> Point:
    return x * m[0] + y * m[2] + m[4], x * m[1] + y * m[3] + m[5]


def scale(m: Matrix) -> float:
    return float(abs(m[0] * m[3] - m[1] * m[2]) ** 0.5)


def extents(m: Matrix) -> Point:
    """How long a unit of width and of height becomes, each measured across the other."""
    area = abs(m[0] * m[3] - m[1] * m[2])
    across, along = (m[0] ** 2 + m[1] ** 2) ** 0.5, (m[2] ** 2 + m[3] ** 2) ** 0.5
    return area / along if along else 0.0, area / across if across else 0.0


def box_of(points: Sequence[Point]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def rectangle(m: Matrix, box: Box) -> list[Point]:
    left, bottom, right, top = box
    return [at(m, *corner) for corner in ((left, bottom), (right, bottom), (right, top), (left, top))]


def area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def common(one: Box, other: Box) -> Box:
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def samples(m: Matrix, box: Box) -> list[Point]:
    left, bottom, right, top = box
    return [at(m, left + x * (right - left), bottom + y * (top - bottom)) for x, y in _SAMPLES]


def curve(start: Point, first: Point, second: Point, end: Point) -> list[Point]:
    """Points of a Bézier curve after its start."""
    return [
        (
            (1 - t) ** 3 * start[0] + 3 * t * (1 - t) ** 2 * first[0] + 3 * t * t * (1 - t) * second[0] + t**3 * end[0],
            (1 - t) ** 3 * start[1] + 3 * t * (1 - t) ** 2 * first[1] + 3 * t * t * (1 - t) * second[1] + t**3 * end[1],
        )
        for t in (0.25, 0.5, 0.75, 1.0)
    ]


def contains(box: Box, point: Point, margin: float = 0.0) -> bool:
    x, y = point
    return box[0] - margin <= x <= box[2] + margin and box[1] - margin <= y <= box[3] + margin
