"""Tables as lines of text: every row names the columns of its cells, where the table has a header."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

_MAX_NAME = 80
_MAX_HEADER_ROWS = 4
_DIGIT = re.compile(r"\d")
_FIGURE = re.compile(r"^[-+±~<>≤≥$€£¥]?\s?\d")
_YEAR = re.compile(r"(?:19|20)\d\d(?:\s?[-–/]\s?(?:19|20)?\d\d)?")


@dataclass(frozen=True, slots=True)
class Cell:
    """column: where it begins in the grid of the table, from 0. span: how many columns it takes.

    look: how it is set off from ordinary text; empty when it is not. continues: it belongs to the cell above.
    """

    text: str
    column: int = 0
    span: int = 1
    look: str = ""
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """is_header: the file says so."""

    cells: tuple[Cell, ...]
    is_header: bool = False

    @property
    def filled(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.text]

    @property
    def width(self) -> int:
        return max((cell.column + cell.span for cell in self.cells), default=0)


@dataclass(frozen=True, slots=True)
class Table:
    """styled_header: its style sets off the first row."""

    rows: tuple[Row, ...]
    styled_header: bool = False

    def lines(self) -> Iterator[str]:
        """One for the names of the columns, if there are any, and one for each row with text."""
        rows = _aligned([row for row in _merged(self.rows) if row.filled])
        width = max((row.width for row in rows), default=0)
        while len(rows) > 1 and width > 1 and _is_across(rows[0], width) and not rows[0].is_header:
            yield rows.pop(0).filled[0].text
        count = self._header_rows(rows, width)
        names = _names(rows[:count], width)
        if count:
            written = [cell.text for cell in rows[0].filled] if count == 1 else dict.fromkeys(filter(None, names))
            yield "Columns: " + ", ".join(written)
        for row in rows[count:]:
            yield _named(row, names) if count else _plain(row)

    def _header_rows(self, rows: Sequence[Row], width: int) -> int:
        """How many rows at the top name the columns: as the file says, as it looks, or as the cells below suggest."""
        marked = 0
        while marked < len(rows) and rows[marked].is_header:
            marked += 1
        if 0 < marked < len(rows):
            return marked if marked <= _MAX_HEADER_ROWS else 1
        if len(rows) < 2 or width < 2 or not _could_name(rows[0]):
            return 0
        if self.styled_header or _is_set_off(rows) or _is_suggested(rows, width):
            return _depth(rows)
        return 0


def _merged(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows with the text of each merged cell in all rows that it reaches into."""
    above: dict[tuple[int, int], Cell] = {}
    for row in rows:
        cells = []
        for cell in row.cells:
            upper = above.get((cell.column, cell.span))
            if cell.continues and not cell.text and upper is not None:
                cell = replace(upper, continues=True)
            cells.append(cell)
        above = {(cell.column, cell.span): cell for cell in cells}
        yield replace(row, cells=tuple(cells))


def _aligned(rows: Sequence[Row]) -> list[Row]:
    """The rows with only those columns of the grid in which some text begins."""
    starts = sorted({cell.column for row in rows for cell in row.filled})

    def moved(cell: Cell) -> Cell:
        column = bisect_left(starts, cell.column)
        return replace(cell, column=column, span=bisect_left(starts, cell.column + cell.span) - column)

    return [replace(row, cells=tuple(new for new in map(moved, row.cells) if new.span)) for row in rows]


def _is_across(row: Row, width: int) -> bool:
    return len(row.cells) == 1 and row.cells[0].span >= width


def _could_name(row: Row) -> bool:
    texts = [cell.text for cell in row.filled]
    return len(texts) > 1 and len(set(texts)) == len(texts) and all(len(text) <= _MAX_NAME for text in texts)


def _is_set_off(rows: Sequence[Row]) -> bool:
    """Whether the first row has a look of its own."""
    looks = {cell.look for cell in rows[0].filled}
    return len(looks) == 1 and "" not in looks and all({cell.look for cell in row.filled} != looks for row in rows[1:])


def _is_suggested(rows: Sequence[Row], width: int) -> bool:
    """Whether every column has a name, and there are three columns, or figures below a name.

    A table of two columns without figures may just as well pair names with values from its first row on; so may one
    whose first row has figures, except names such as `2024` or `Q1` over columns of figures.
    """
    first = rows[0]
    if any((not cell.text and cell.column) or cell.text.endswith(":") for cell in first.cells):
        return False
    numbered = [cell for cell in first.filled if _DIGIT.search(cell.text)]
    if any(_FIGURE.match(cell.text) and not _YEAR.search(cell.text) for cell in numbered):
        return False
    if numbered:
        return all(_has_figures(rows[1:], cell.column, _FIGURE) for cell in numbered)
    return width > 2 or (len(rows) > 2 and _has_figures(rows[1:], first.cells[-1].column, _DIGIT))


def _has_figures(rows: Sequence[Row], column: int, figure: re.Pattern[str]) -> bool:
    texts = [cell.text for row in rows for cell in row.filled if cell.column == column]
    return bool(texts) and all(figure.search(text) and not _YEAR.fullmatch(text) for text in texts)


def _depth(rows: Sequence[Row]) -> int:
    """A name over several columns has the names of each of them below it."""
    for count, row in enumerate(rows[: min(_MAX_HEADER_ROWS, len(rows) - 1)], 1):
        below = rows[count]
        grouped = any(
            cell.span > 1 and sum(cell.column <= each.column < cell.column + cell.span for each in below.cells) > 1
            for cell in row.cells
        )
        if not grouped or any(_DIGIT.search(cell.text) for cell in below.filled):
            return count
    return 1


def _names(header: Sequence[Row], width: int) -> list[str]:
    """The name of each column, from the top row of the header to the lowest."""
    names: list[dict[str, None]] = [{} for _ in range(width)]
    for row in header:
        for cell in row.filled:
            for column in range(cell.column, cell.column + cell.span):
                names[column][cell.text] = None
    return [" ".join(parts) for parts in names]


def _named(row: Row, names: Sequence[str]) -> str:
    if _is_across(row, len(names)):
        return row.cells[0].text
    parts = []
    for cell in row.filled:
        name = " / ".join(dict.fromkeys(filter(None, names[cell.column : cell.column + cell.span])))
        parts.append(f"{name}: {cell.text}" if name else cell.text)
    return "; ".join(parts)


def _plain(row: Row) -> str:
    """Cells in their places: an empty one leaves its place empty."""
    texts = [""] * row.width
    for cell in row.cells:
        texts[cell.column] = cell.text
    return " | ".join(texts).rstrip(" |")
