"""Tables of HTML as lines: one for each row, in which every cell stands in its column."""

import re

from selectolax.lexbor import LexborNode

from app.adapters.parsers.html_lines import HtmlAttributes

_NUMBER = re.compile(r"\s*\+?(\d{1,5})")
_MAX_SPAN = 1_000
_MAX_REPEATED_CHARACTERS = 200
_MAX_CELL_CHARACTERS = 1_500
_STRUCTURE = "h1, h2, h3, h4, h5, h6, pre, article, section"


class TableRows:
    """Places cells as the table model of HTML does. A merged cell is repeated in all its places."""

    def __init__(self) -> None:
        self._rows: list[tuple[list[str], bool]] = []
        self._nested: dict[int, list[str]] = {}
        self._row: list[str] = []
        self._cells = 0
        self._headers = 0
        self._below: dict[int, tuple[int, str]] = {}
        self._reached = False
        """Whether cells from above reach into the row."""

    def start_row(self) -> None:
        self._row, self._cells, self._headers, self._reached = [], 0, 0, False

    def cell(self, text: str, tag: str, attributes: HtmlAttributes) -> None:
        self._fill()
        columns, rows = _span(attributes.get("colspan")), _span(attributes.get("rowspan"))
        repeated = text if len(text) <= _MAX_REPEATED_CHARACTERS else ""
        for number in range(max(1, columns)):
            if rows != 1:
                self._below[len(self._row)] = (rows - 1 if rows else _MAX_SPAN, repeated)
            self._row.append(repeated if number else text)
        self._cells += 1
        self._headers += tag == "th"

    def end_row(self, *, in_head: bool) -> None:
        alone = self._cells == 1 and not self._below and not self._reached
        self._fill()
        while any(column >= len(self._row) for column in self._below):
            self._row.append("")
            self._fill()
        row = self._row[:1] if alone else self._row
        if any(row):
            self._rows.append((row, in_head or (self._headers == self._cells > 1)))

    def end_group(self) -> None:
        self._below.clear()

    def nest(self, lines: list[str]) -> None:
        """Put the lines of a table within a cell below its row."""
        self._nested.setdefault(len(self._rows), []).extend(lines)

    def lines(self) -> list[str]:
        """Below a header each row names its columns: it is quoted alone, and may be in another chunk."""
        head = next((number for number, (_, header) in enumerate(self._rows) if not header), len(self._rows))
        names = [" ".join(dict.fromkeys(filter(None, column))) for column in _columns(self._rows[:head])]
        lines: list[str] = []
        for number, (row, _) in enumerate(self._rows):
            named = number >= head > 0 and len(row) > 1
            lines.append(_line(_named(row, names) if named else row))
            lines += self._nested.get(number, ())
        return lines + self._nested.get(len(self._rows), [])

    def _fill(self) -> None:
        """Repeat the cells that reach into this row from above, up to the next free column."""
        while (column := len(self._row)) in self._below:
            left, text = self._below.pop(column)
            self._reached = True
            if left > 1:
                self._below[column] = (left - 1, text)
            self._row.append(text)


def is_layout(table: LexborNode) -> bool:
    """Whether the table only arranges the page: its cells are then read as any other part of it."""
    if table.attributes.get("role") in ("presentation", "none") or table.css_first(_STRUCTURE) is not None:
        return True
    rows = table.css("tr")
    if not any(len(row.css("td, th")) > 1 for row in rows):
        return True
    return any(len(cell.text()) > _MAX_CELL_CHARACTERS for cell in table.css("td"))


def _span(value: str | None) -> int:
    match = _NUMBER.match(value or "")
    return min(_MAX_SPAN, int(match[1])) if match else 1


def _columns(rows: list[tuple[list[str], bool]]) -> list[list[str]]:
    width = max((len(row) for row, _ in rows), default=0)
    return [[row[column] for row, _ in rows if column < len(row)] for column in range(width)]


def _named(row: list[str], names: list[str]) -> list[str]:
    padded = [*names, *[""] * len(row)]
    return [f"{name}: {cell}" if name and cell else cell for name, cell in zip(padded, row, strict=False)]


def _line(row: list[str]) -> str:
    return " | ".join(row).rstrip(" |")
