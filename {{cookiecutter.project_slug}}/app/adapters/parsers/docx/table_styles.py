"""Which parts of a table's style hold for a cell: for its first row, its last column, every other row, and so on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from app.adapters.parsers.docx.names import VAL, at, tag, value
from app.adapters.parsers.docx.styles import Styles

_CELL, _ROW, _TABLE = tag("w:tc"), tag("w:tr"), tag("w:tbl")
_BITS = {
    "firstRow": 0x20,
    "lastRow": 0x40,
    "firstColumn": 0x80,
    "lastColumn": 0x100,
    "noHBand": 0x200,
    "noVBand": 0x400,
}


@dataclass
class TableStyles:
    styles: Styles
    _row: Any = None
    _index: int = 0
    _conditional: dict[str, dict[str, list[Any]]] = field(default_factory=dict)

    def around(self, paragraph: Any) -> list[Any]:
        """The parts that hold for the cell of a paragraph, the most special first; none outside of tables."""
        cell = next(paragraph.iterancestors(_CELL, tag("w:txbxContent")), None)
        return self.of_cell(cell) if cell is not None and cell.tag == _CELL else []

    def of_cell(self, cell: Any) -> list[Any]:
        row = next(cell.iterancestors(_ROW), None)
        table = next(cell.iterancestors(_TABLE), None)
        if row is None or table is None:
            return []
        style = value(at(table, "w:tblPr", "w:tblStyle"))
        parts = self._parts(style)
        if not parts:
            return self.styles.chain("table", style)
        special = [part for name in self._conditions(cell, row, table) for part in parts.get(name, ())]
        return [*special, *self.styles.chain("table", style)]

    def marks_first_row(self, table: Any) -> bool:
        """Whether the first row looks different from the others."""
        parts = self._parts(value(at(table, "w:tblPr", "w:tblStyle")))
        return "firstRow" in parts and _looks(table)("firstRow")

    def _parts(self, style: str) -> dict[str, list[Any]]:
        if style not in self._conditional:
            found = self._conditional[style] = {}
            for each in self.styles.chain("table", style):
                for part in each.iterchildren(tag("w:tblStylePr")):
                    found.setdefault(part.get(tag("w:type"), ""), []).append(part)
        return self._conditional[style]

    def _conditions(self, cell: Any, row: Any, table: Any) -> Iterator[str]:
        looks = _looks(table)
        first_row, last_row = looks("firstRow") and _is_first(row), looks("lastRow") and _is_last(row)
        first, last = looks("firstColumn") and _is_first(cell), looks("lastColumn") and _is_last(cell)
        for side, in_row in (("n", first_row), ("s", last_row)):
            if in_row and (first or last):
                yield f"{side}{'w' if first else 'e'}Cell"
        names = {"lastCol": last, "firstCol": first, "lastRow": last_row, "firstRow": first_row}
        yield from (name for name, holds in names.items() if holds)
        if not looks("noHBand") and not first_row and not last_row:
            yield "band2Horz" if (self._number(row) - looks("firstRow")) % 2 else "band1Horz"
        if not looks("noVBand") and not first and not last:
            column = sum(1 for _ in cell.itersiblings(_CELL, preceding=True))
            yield "band2Vert" if (column - looks("firstColumn")) % 2 else "band1Vert"

    def _number(self, row: Any) -> int:
        """Of the row in its table, from 0. Rows come in their order, so that one step from the last is enough."""
        if row is not self._row:
            before = next(row.itersiblings(_ROW, preceding=True), None)
            if before is not None and before is self._row:
                self._index += 1
            else:
                self._index = sum(1 for _ in row.itersiblings(_ROW, preceding=True))
            self._row = row
        return self._index


class _looks:
    """The switches of a table for the parts of its style."""

    def __init__(self, table: Any) -> None:
        self.look = at(table, "w:tblPr", "w:tblLook")

    def __call__(self, name: str) -> bool:
        if self.look is None:
            return False
        if (written := self.look.get(tag(f"w:{name}"))) is not None:
            return str(written) in ("1", "true", "on")
        try:
            return bool(int(self.look.get(VAL, "0"), 16) & _BITS[name])
        except ValueError:
            return False


def _is_first(element: Any) -> bool:
    return next(element.itersiblings(element.tag, preceding=True), None) is None


def _is_last(element: Any) -> bool:
    return next(element.itersiblings(element.tag), None) is None
