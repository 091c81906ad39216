"""Chinese and Japanese lines that run downwards, whose signs the page places one by one."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from app.adapters.parsers.pdf.text import Piece

_SIGN = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff…‥—―]")
_MIN_SIGNS, _MIN_COLUMN = 8, 3
_SAME_COLUMN = 0.3
_MAX_STEP = 1.9
"""The size of a sign, to the next one of its line."""
_DOWN = 270


def turned_downwards(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces, with those of such lines turned to the direction in which they are read.

    Where signs stand in a grid, a line runs to where the next sign is nearer.
    """
    signs = [piece for piece in pieces if piece.angle == 0 and _SIGN.fullmatch(piece.text.strip())]
    if len(signs) < _MIN_SIGNS:
        return list(pieces)
    beside = _steps_beside(signs)
    columns = [column for column in _columns(signs) if len(column) >= _MIN_COLUMN]
    down = {piece.number for column in columns for piece in column}
    steps = [(above.y - below.y, beside.get(above.number)) for column in columns for above, below in pairwise(column)]
    nearer = sum(right is None or step < right for step, right in steps)
    if 2 * len(down) < len(signs) or 2 * nearer <= len(steps):
        return list(pieces)
    return [_turned(piece) if piece.number in down else piece for piece in pieces]


def _turned(piece: Piece) -> Piece:
    return replace(piece, angle=_DOWN, x=-(piece.y + piece.size), end=-piece.y, y=(piece.x + piece.end) / 2)


def _columns(signs: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Signs below each other without a wide gap, the highest first."""
    edges: list[float] = []
    by_edge: dict[float, list[Piece]] = defaultdict(list)
    for piece in sorted(signs, key=lambda each: (each.x, -each.y)):
        if not edges or piece.x - edges[-1] > _SAME_COLUMN * piece.size:
            edges.append(piece.x)
        by_edge[edges[-1]].append(piece)
    for stacked in by_edge.values():
        column: list[Piece] = []
        for piece in sorted(stacked, key=lambda each: -each.y):
            if column and not 0 < column[-1].y - piece.y <= _MAX_STEP * piece.size:
                yield column
                column = []
            column.append(piece)
        yield column


def _steps_beside(signs: Sequence[Piece]) -> dict[int, float]:
    """How far the next sign at the right is, for each that has one on its line."""
    rows: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for piece in signs:
        rows[round(piece.y / (0.5 * piece.size))].append((piece.x, piece.number))
    found: dict[int, float] = {}
    for row in rows.values():
        row.sort()
        places = [x for x, _ in row]
        for x, number in row:
            after = bisect_left(places, x + 0.01)
            if after < len(places):
                found[number] = places[after] - x
    return found
