"""Rows of a spreadsheet as lines of facts: each cell with the name of its column, as in a CSV file."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from app.adapters.parsers.builder import TextBuilder

Row = dict[int, str]
"""The cells that hold something, by column."""

_NUMBER = re.compile(
    r"[-+(]?[^\w\s]?\s?\d[\d.,:\s-]*\)?\s?(?:%|\w{0,3}|[^\w\s])|TRUE|FALSE|true|false"
    r"|-?(?:\d{1,9} )?\d{1,3}/\d{1,5}|-?\d{1,20}(?:\.\d{1,20})?E[-+]\d{1,3}"
)
_DATE = re.compile(r"(?:19|20)\d\d(?:-\d\d-\d\d)?")
MAX_SPAN_CELLS = 100_000
HIDDEN_CELLS = "hidden sheets, rows, columns or cells of a spreadsheet were left out"
_MAX_NAME = 80
_LOOK_AHEAD = 12


@dataclass(frozen=True, slots=True)
class MergedCells:
    """A merged area: its cells all show what the first one holds. Ends are included."""

    top: int
    left: int
    bottom: int
    right: int


def write_rows(builder: TextBuilder, rows: Iterable[tuple[int, Row]], spans: Sequence[MergedCells] = ()) -> None:
    """Write the rows, given with their numbers in ascending order.

    A missing number ends a table, and the next may have a header of its own; a row without cells, as a hidden one, does
    not. spans: by their tops; one that begins in a row may be added while that row is read.
    """
    header: dict[int, str] = {}
    for block in _blocks(_filled(rows, spans)):
        head = [row for _, row in zip(range(_LOOK_AHEAD), block, strict=False)]
        start, names = _header(head, header)
        for row in head[:start]:
            builder.block(" | ".join(dict.fromkeys(row.values())), separator="\n")
        if names:
            header = names
            builder.name_columns(names.values())
            builder.block("Columns: " + ", ".join(dict.fromkeys(names.values())))
        skip = start + (2 if names and _is_second_header(head, start) else 1 if names else 0)
        for row in chain(head[skip:], block):
            cells = (f"{header[column]}: {cell}" if column in header else cell for column, cell in sorted(row.items()))
            builder.block("; ".join(cells), separator="\n")


def _filled(rows: Iterable[tuple[int, Row]], spans: Sequence[MergedCells]) -> Iterator[tuple[int, Row]]:
    """The rows with what merged areas show in them. A title across the sheet is not repeated."""
    active: list[tuple[MergedCells, str]] = []
    position = 0
    for number, row in rows:
        if not row:
            yield number, row
            continue
        active = [(span, text) for span, text in active if span.bottom >= number]
        while position < len(spans) and spans[position].top <= number:
            span = spans[position]
            if span.top == number and (text := row.get(span.left)):
                active.append((span, text))
            position += 1
        filled = dict(row)
        for span, text in active if len(row) > 1 or any(span.top < number for span, _ in active) else ():
            filled.update((column, text) for column in range(span.left, span.right + 1) if column not in row)
        yield number, filled


def _blocks(rows: Iterator[tuple[int, Row]]) -> Iterator[Iterator[Row]]:
    """The rows between empty ones. Each block must be read to its end before the next."""
    following = next(rows, None)

    def block() -> Iterator[Row]:
        nonlocal following
        while following is not None:
            number, row = following
            following = next(rows, None)
            yield row
            if following is None or following[0] > number + 1:
                return

    while following is not None:
        if following[1]:
            yield block()
        else:
            following = next(rows, None)


def _header(head: Sequence[Row], earlier: dict[int, str]) -> tuple[int, dict[int, str]]:
    """The place of the header among these rows, with its names by column; no names where there is none."""
    widest = max((len(row) for row in head), default=0)
    for place, row in enumerate(head[:-1]):
        below = head[place + 1 :]
        if len(row) < 2 or 2 * len(row) < widest or not _are_names(row, head, place):
            continue
        if earlier and not _differs(row, below) and row.keys() <= earlier.keys():
            return 0, {}
        if _is_second_header(head, place):
            under = below[0]
            return place, {c: " ".join(dict.fromkeys(filter(None, (row.get(c), under.get(c))))) for c in {*row, *under}}
        return place, dict(row)
    return 0, {}


def _are_names(row: Row, head: Sequence[Row], place: int) -> bool:
    """Whether the texts can be names of columns. Two or more years or days can, beside a name."""
    texts = list(row.values())
    dates = [text for text in texts if _DATE.fullmatch(text)]
    names = [text for text in texts if not _NUMBER.fullmatch(text)]
    distinct = len(set(texts)) == len(texts) or _is_second_header(head, place)
    doubled = len(set(texts)) > 1 and _differs(row, head[place + 1 :])
    whole = len(names) + (len(dates) if len(dates) > 1 else 0) == len(texts)
    return bool(names) and whole and (distinct or doubled) and all(len(text) <= _MAX_NAME for text in texts)


def _is_second_header(head: Sequence[Row], place: int) -> bool:
    """Whether the row names groups of columns, in merged cells, and the one below names the columns."""
    row, below = head[place], head[place + 1] if place + 1 < len(head) else {}
    if place + 2 >= len(head) or len(set(row.values())) == len(row) or len(set(row.values())) < 2:
        return False
    return len(below) >= len(row) - 1 and all(not _NUMBER.fullmatch(text) for text in below.values())


def _differs(row: Row, below: Sequence[Row]) -> bool:
    """Whether a column has a name on top and numbers below it."""
    return any(sum(bool(_NUMBER.fullmatch(each.get(c, ""))) for each in below) * 2 > len(below) for c in row)
