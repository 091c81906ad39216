"""The lines of a PDF page in reading order, from its texts and their places."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from unicodedata import normalize

from app.adapters.parsers.pdf.fonts import UNMAPPED
from app.adapters.parsers.pdf.right_to_left import runs_left
from app.adapters.parsers.pdf.text import Piece, joined

_SAME_LINE = 0.4
_SAME_BAND = 0.85
_SAME_PLACE = 0.4
_GUTTER = 0.6
_MAX_RUN = 400
# With the two margins; a line with more gaps is one that was stretched.
_MAX_GAPS = 6
_MIN_ROWS, _MIN_NARROW_ROWS = 3, 6
_WIDE_GUTTER = 1.5
_MAX_ABOVE = 4
_PROSE_LETTERS, _PROSE_WORDS, _PROSE_FILL = 16, 3, 0.6
_MAX_ENDED = 0.6
_PARAGRAPH_GAP = 1.35
_SHAPED = re.compile(r"[\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc]+")
_Stretch = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TextLine:
    """size: of most of its letters. starts: whether more space is before it than between the lines of a paragraph."""

    text: str
    size: float
    starts: bool = False


@dataclass
class _Row:
    """Texts side by side. y: of the highest base line."""

    pieces: list[Piece]
    y: float
    size: float

    @property
    def extent(self) -> _Stretch:
        return min(piece.x for piece in self.pieces), max(piece.end for piece in self.pieces)

    def takes(self, piece: Piece) -> bool:
        size = max(self.size, piece.size)
        if self.y - piece.y < _SAME_LINE * size:
            return True
        beside = all(piece.x >= other.end or piece.end <= other.x for other in self.pieces)
        return beside and self.y - piece.y < _SAME_BAND * min(self.size, piece.size)

    def gaps(self) -> list[_Stretch]:
        """Where nothing stands, from the left to the right."""
        gaps, end = [], float("-inf")
        for piece in sorted(self.pieces, key=lambda each: each.x):
            if piece.x - end > _GUTTER * self.size:
                gaps.append((end, piece.x))
            end = max(end, piece.end)
        return [*gaps, (end, float("inf"))]


def lines_of(pieces: Sequence[Piece]) -> list[TextLine]:
    """All lines of a page: those of the commonest direction first. pieces: none of them drawn twice."""
    by_angle: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        by_angle[piece.angle].append(piece)
    ordered = sorted(by_angle.values(), key=lambda group: -sum(len(piece.text) for piece in group))
    return [line for group in ordered for line in _spaced(_read(_rows(group)))]


def overprinted(pieces: Iterable[Piece]) -> list[Piece]:
    """Texts that were drawn again at the same place, to look bold or to have a shadow."""
    again: list[Piece] = []
    drawn: dict[tuple[str, int], list[Piece]] = defaultdict(list)
    for piece in pieces:
        earlier = drawn[piece.text, piece.angle]
        reach = _SAME_PLACE * min(piece.end - piece.x, piece.size)
        if any(
            abs(piece.x - other.x) <= reach and abs(piece.y - other.y) <= 0.25 * piece.size for other in earlier[-50:]
        ):
            again.append(piece)
        earlier.append(piece)
    return again


def _rows(pieces: Iterable[Piece]) -> list[_Row]:
    rows: list[_Row] = []
    for piece in sorted(pieces, key=lambda each: (-each.y, each.x)):
        row = next((row for row in reversed(rows[-4:]) if row.takes(piece)), None)
        if row is None:
            rows.append(_Row([piece], piece.y, piece.size))
        else:
            row.pieces.append(piece)
            row.size = max(row.size, piece.size)
    return rows


def _read(rows: list[_Row]) -> Iterator[tuple[_Row, bool]]:
    """Rows in reading order, and whether one is at the top of a further column: columns of prose are read one after the
    other, the cells of a table row by row.
    """
    start = 0
    while start < len(rows):
        end, gutter = _run_with_its_top(rows, start)
        if gutter is None:
            yield rows[start], False
            start += 1
            continue
        left, right = _sides(rows[start:end], sum(gutter) / 2)
        yield from _read(left)
        for number, (row, further) in enumerate(_read(right)):
            yield row, further or number == 0
        start = end


def _run_with_its_top(rows: list[_Row], start: int) -> tuple[int, _Stretch | None]:
    """As `_run`, also where the column on the right begins some lines above the one on the left."""
    end, gutter = _run(rows, start)
    for first in range(start + 1, min(len(rows), start + 1 + _MAX_ABOVE)) if gutter is None else ():
        if _is_apart(rows, first) or rows[start].extent[0] <= rows[first].extent[0] + _GUTTER * rows[first].size:
            break
        further, found = _run(rows, first)
        if found is not None:
            on_the_right = all(row.extent[0] > found[1] - 0.01 for row in rows[start:first])
            return (further, found) if on_the_right else (end, None)
    return end, gutter


def _run(rows: list[_Row], start: int) -> tuple[int, _Stretch | None]:
    """Where the columns that start with this row end, and the gutter between them; None if there are none."""
    gutters, both, end = rows[start].gaps()[1:-1], 0, start
    found: _Stretch | None = None
    for number in range(start, min(len(rows), start + _MAX_RUN)) if gutters else ():
        row = rows[number]
        if len(row.gaps()) > _MAX_GAPS:
            break
        kept = [gutter for gutter in _common(gutters, row.gaps()) if gutter[1] - gutter[0] >= _GUTTER * row.size]
        if not kept or (number > start and _is_apart(rows, number) and not _is_split(row, kept)):
            break
        gutters, end = kept, number + 1
    widest = max(gutters, key=lambda gutter: gutter[1] - gutter[0], default=None)
    if widest is not None:
        both = sum(_is_split(row, [widest]) for row in rows[start:end])
        wide = widest[1] - widest[0] >= _WIDE_GUTTER * rows[start].size
        found = widest if both >= (_MIN_ROWS if wide else _MIN_NARROW_ROWS) else None
    if found and all(_is_prose(side) for side in _sides(rows[start:end], sum(found) / 2)):
        return end, found
    return start, None


def _is_apart(rows: list[_Row], number: int) -> bool:
    """Whether a row has more space before it than lines have."""
    return rows[number - 1].y - rows[number].y > 1.6 * max(rows[number].size, rows[number - 1].size)


def _is_split(row: _Row, gutters: Iterable[_Stretch]) -> bool:
    left, right = row.extent
    return any(left < gutter[0] + 0.01 and right > gutter[1] - 0.01 for gutter in gutters)


def _common(some: Iterable[_Stretch], others: Sequence[_Stretch]) -> list[_Stretch]:
    pairs = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return [(left, right) for left, right in pairs if left < right]


def _sides(rows: Iterable[_Row], middle: float) -> tuple[list[_Row], list[_Row]]:
    listed = list(rows)
    return _side(listed, float("-inf"), middle), _side(listed, middle, float("inf"))


def _side(rows: Iterable[_Row], left: float, right: float) -> list[_Row]:
    parts = ((row, [piece for piece in row.pieces if left <= piece.x < right]) for row in rows)
    return [_Row(pieces, max(p.y for p in pieces), max(p.size for p in pieces)) for row, pieces in parts if pieces]


def _is_prose(rows: list[_Row]) -> bool:
    """Whether the lines of a column are sentences that fill it, and not cells of a table."""
    texts = [" ".join(piece.text for piece in row.pieces) for row in rows]
    width = max(row.extent[1] for row in rows) - min(row.extent[0] for row in rows)
    filled = median((row.extent[1] - row.extent[0]) / max(width, 0.1) for row in rows)
    if sum(text.endswith((".", "?", "!", ":")) for text in texts) > _MAX_ENDED * len(texts):
        return False
    letters, words = median(len(text) for text in texts), median(len(text.split()) for text in texts)
    return letters >= _PROSE_LETTERS and words >= _PROSE_WORDS and filled >= _PROSE_FILL


def _spaced(rows: Iterable[tuple[_Row, bool]]) -> Iterator[TextLine]:
    listed = list(rows)
    steps = [a.y - b.y for (a, _), (b, first) in pairwise(listed) if not first and a.y > b.y]
    usual = median(steps) if steps else 0.0
    above: _Row | None = None
    for row, first in listed:
        gap = above.y - row.y if above else 0.0
        starts = not first and gap > max(_PARAGRAPH_GAP * min(usual, 2 * row.size), 1.3 * row.size)
        yield TextLine(_text(row), _size(row), starts)
        above = row


def _text(row: _Row) -> str:
    pieces, texts = sorted(row.pieces, key=lambda each: each.x), []
    leftwards = runs_left("".join(piece.text for piece in pieces))
    if leftwards:
        pieces = sorted(row.pieces, key=lambda each: -each.end)
    edge: float | None = None
    for piece in pieces:
        gap = 0.0 if edge is None else edge - piece.end if leftwards else piece.x - edge
        texts.append((piece.text, gap))
        reached = piece.x if leftwards else piece.end
        edge = reached if edge is None else min(edge, reached) if leftwards else max(edge, reached)
    return _unshaped(_without_symbols(joined(texts, min(piece.blank for piece in pieces)).split()))


def _unshaped(text: str) -> str:
    """With the letters of Arabic themselves, instead of the forms that they have within a word."""
    return _SHAPED.sub(lambda match: normalize("NFKC", match[0]), text)


def _without_symbols(words: list[str]) -> str:
    """A single sign that is no letter is a bullet at the start of a line, and a mere ornament elsewhere."""
    if len(words) > 1 and words[0] == UNMAPPED:
        words[0] = "•"
    return " ".join(word for word in words if word != UNMAPPED)


def _size(row: _Row) -> float:
    sizes: dict[float, int] = defaultdict(int)
    for piece in row.pieces:
        sizes[round(piece.size, 1)] += len(piece.text)
    return max(sizes, key=lambda size: sizes[size])
