"""What a file of separated values looks like: its delimiter, what stands before the table, and its header."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from itertools import islice
from typing import NamedTuple

Row = Sequence[str]

SAMPLE_ROWS = 200
_SAMPLE_CHARACTERS = 50_000
_MARKS = "\t;|,"
# Stands in no table: every line of such a file is one cell.
_NO_MARK = "\x1f"
_SEPARATOR = re.compile(r"\ufeff?\"?sep=(.)\"?[ \t]*\r?\n", re.IGNORECASE)
_PREAMBLE_ROWS = 20
_MAX_NAME = 200
_MAX_ONLY_NAME = 80
_YEAR = re.compile(r"(?:19|20)\d\d")
_NUMBER = re.compile(r"[-+(]?[$€£¥]?\s?[-+]?\d[\d.,'’\s]*\)?\s?[%$€£¥]?")
_TELLING = re.compile(r"[\d@]|://")
_MAX_COMPARED = 50


class Shape(NamedTuple):
    """before: rows above the table. header: None where the table has none. width: the usual number of cells."""

    before: int
    header: list[str] | None
    width: int


def named_delimiter(text: str) -> tuple[str, str] | None:
    """The delimiter that the first line names, as spreadsheets write it, and the text after that line."""
    match = _SEPARATOR.match(text)
    return (match[1], text[match.end() :]) if match else None


def delimiter_of(text: str) -> str:
    """The mark that cuts most rows into equally many cells; of equals not the comma, which numbers contain."""
    sample = text[:_SAMPLE_CHARACTERS]
    if len(text) > len(sample):
        sample = sample.rpartition("\n")[0] or sample
    shares = {mark: _consistency(sample, mark) for mark in _MARKS}
    best = max(_MARKS, key=lambda mark: shares[mark])
    return best if shares[best] > 0 else _NO_MARK


def _consistency(sample: str, mark: str) -> float:
    """The share of rows that have the usual number of cells, which is more than one."""
    try:
        rows = list(
            islice(csv.reader(StringIO(sample, newline=""), delimiter=mark, skipinitialspace=True), SAMPLE_ROWS)
        )
    except csv.Error:
        return 0.0
    widths = [len(row) for row in rows if any(row) and not row[0].startswith("# ")]
    several = Counter(width for width in widths if width > 1)
    if not several:
        return 0.0
    share = max(several.values()) / len(widths)
    if share > 0.5 or (widths[0] > 1 and 2 * several.total() >= len(widths)):
        return share
    return 0.0


def shape_of(rows: Sequence[Row]) -> Shape:
    """rows: the first ones of the file, their cells without blanks around them."""
    widths = Counter(len(row) for row in rows if any(row))
    width = max(widths, key=lambda each: (widths[each] if each > 1 else 0, each), default=1)
    first = len(rows[0]) if rows else 1
    if first > 1 and 2 * widths[width] < sum(count for each, count in widths.items() if each > 1):
        width = first  # of rows that agree on no width, the first one says it
    used = [column for column in range(width) if any(column < len(row) and row[column] for row in rows)]
    before = next((n for n, row in enumerate(rows[:_PREAMBLE_ROWS]) if _is_full(row, width, used)), None)
    if before is None:
        before = next((n for n, row in enumerate(rows) if len(row) == width and any(row)), 0)
    if before >= len(rows):
        return Shape(before, None, width)
    below = [row for row in rows[before + 1 :] if len(row) > 1 or width == 1]
    header = list(rows[before])
    return Shape(before, header if _is_header(header, [row for row in below if row != header]) else None, width)


def _is_full(row: Row, width: int, used: Sequence[int]) -> bool:
    """Whether the row is one of the table, and no title or note above it. The first column of a header may be empty."""
    if len(row) != width or (row[0].startswith("# ") and width > 1):
        return False
    filled = sum(1 for column in used if row[column])
    if filled == len(used) - 1 and not row[0]:
        return True
    return filled == len(used) or (filled > 1 and filled >= 0.6 * len(used))


def _is_header(row: Row, below: Sequence[Row]) -> bool:
    names = [cell for cell in row if cell]
    if not names or any(len(name) > _MAX_NAME for name in names):
        return False
    if len(row) == 1:
        return len(row[0]) <= _MAX_ONLY_NAME and not row[0].endswith((".", "!")) and not _NUMBER.fullmatch(row[0])
    numbered = _are_numbered(row, below)
    for column, name in enumerate(row):
        values = [each[column] for each in below if column < len(each) and each[column]][:_MAX_COMPARED]
        if name and name in values:
            return False
        if _TELLING.search(name) and not (numbered and name.isdecimal()):
            alike = sum(1 for value in values if _form(value) == _form(name))
            if 2 * alike >= max(1, len(values)) and (values or _NUMBER.fullmatch(name)):
                return False
    return True


def _are_numbered(row: Row, below: Sequence[Row]) -> bool:
    """Whether the columns after the first are numbered, or named by years that follow each other."""
    numbers = [[int(cell) for cell in each[1:] if cell.isdecimal() and len(cell) < 6] for each in (row, *below[:20])]
    following = [len(each) > 1 and each == list(range(each[0], each[0] + len(each))) for each in numbers]
    return following[0] and not row[0].isdecimal() and 2 * sum(following[1:]) <= len(following) - 1


def _form(value: str) -> str:
    """Equal for values of one kind, such as numbers, dates, times or codes."""
    if _YEAR.fullmatch(value):
        return "year"
    if _NUMBER.fullmatch(value):
        return "number"
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", value))[:40]
