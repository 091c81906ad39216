"""Matrices, boxes and filled areas on a PDF page."""

from collections.abc import Sequence
from itertools import pairwise

Matrix = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
Point = tuple[float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_SAMPLES = tuple((x, y) for x in (0.05, 0.3, 0.5, 0.7, 0.95) for y in (0.2, 0.5, 0.8))
_COVERED = 0.85


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


def filled_boxes(paths: Sequence[Sequence[Point]]) -> list[Box]:
    """The boxes that a fill covers completely: none where its parts overlap, because one may be a hole in another."""
    boxes = [box_of(path) for path in paths if len(path) > 2]
    if any(area(common(one, other)) > 0.01 for n, one in enumerate(boxes[:50]) for other in boxes[n + 1 : 50]):
        return []
    solid = [path for path in paths if len(path) > 2 and _polygon_area(path) >= 0.9 * area(box_of(path))]
    return [box_of(path) for path in solid]


def _polygon_area(points: Sequence[Point]) -> float:
    around = [*points, points[0]]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(around))) / 2


def is_covered(text: Box, boxes: Sequence[Box]) -> bool:
    """Whether the boxes together cover nearly all of a text, by samples."""
    left, bottom, right, top = text
    near = [box for box in boxes if box[0] <= right and box[2] >= left and box[1] <= top and box[3] >= bottom]
    if not near:
        return False
    points = [(left + x * (right - left), bottom + y * (top - bottom)) for x, y in _SAMPLES]
    inside = sum(any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for box in near) for x, y in points)
    return inside >= _COVERED * len(points)
