"""What the paths of a PDF page paint, point by point."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from app.adapters.parsers.pdf.colours import Colour
from app.adapters.parsers.pdf.geometry import Box, Point, box_of, common, contains

_CELL = 72.0
_MAX_CELLS = 30


@dataclass(frozen=True, slots=True)
class Area:
    """What one path paints. colour: None when it is not known. even_odd: a part within another is a hole, whatever its
    direction. picture: it is an image.
    """

    box: Box
    paths: Sequence[Sequence[Point]]
    colour: Colour = None
    even_odd: bool = False
    picture: bool = False

    @classmethod
    def of(cls, paths: Sequence[Sequence[Point]], clip: Box | None, colour: Colour = None) -> "Area":
        """clip: None for the whole page."""
        box = box_of([point for path in paths for point in path])
        return cls(common(box, clip) if clip else box, paths, colour)

    def holds(self, point: Point) -> bool:
        if not contains(self.box, point):
            return False
        turns = [_turns(path, point) for path in self.paths if len(path) > 2]
        return sum(turns) % 2 == 1 if self.even_odd else sum(turns) != 0


def _turns(path: Sequence[Point], point: Point) -> int:
    """How often the closed path runs around the point, counted against the clock."""
    x, y = point
    turns = 0
    for (ax, ay), (bx, by) in pairwise([*path, path[0]]):
        if (ay <= y) != (by <= y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            turns += 1 if by > ay else -1
    return turns


@dataclass
class Areas:
    """Areas in the order in which they were painted, found by place."""

    page: Box
    _areas: list[Area] = field(default_factory=list)
    _by_cell: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    _everywhere: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._areas)

    def __iter__(self) -> Iterator[Area]:
        return iter(self._areas)

    def add(self, area: Area) -> None:
        left, bottom, right, top = common(self.page, area.box)
        if left > right or bottom > top:
            return
        cells = list(_cells((left, bottom, right, top)))
        for cell in cells:
            self._by_cell[cell].append(len(self._areas))
        if not cells:
            self._everywhere.append(len(self._areas))
        self._areas.append(area)

    def around(self, points: Sequence[Point], since: int = 0) -> list[Area]:
        """Those that may hold one of the points, in order. since: how many to pass over."""
        cells = {(int(x // _CELL), int(y // _CELL)) for x, y in points}
        numbers = {number for cell in cells for number in self._by_cell.get(cell, ()) if number >= since}
        numbers.update(number for number in self._everywhere if number >= since)
        return [self._areas[number] for number in sorted(numbers)]


def _cells(box: Box) -> Iterator[tuple[int, int]]:
    """None where the area is so large that it belongs to all."""
    left, bottom, right, top = (int(side // _CELL) for side in box)
    if (right - left + 1) * (top - bottom + 1) <= _MAX_CELLS:
        yield from ((x, y) for x in range(left, right + 1) for y in range(bottom, top + 1))
