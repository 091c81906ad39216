"""Reads a table of a DOCX into rows of cells, each with its place in the grid."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.adapters.parsers.builder import squeeze
from app.adapters.parsers.docx.blocks import Block, Grid, Layout, flat, has_text, is_layout, notes_of
from app.adapters.parsers.docx.formatting import Formatting
from app.adapters.parsers.docx.names import REMOVED, UNREAD, at, chosen, is_on, tag, text_nodes, value, whole
from app.adapters.parsers.docx.tables import Cell, Row, Table

_MAX_SPAN = 1_000
_FIRST_ROWS = 3


@dataclass(frozen=True, slots=True)
class GridReader:
    """blocks: reads what is in a cell. remove: told about rows and cells whose deletion is tracked."""

    blocks: Callable[[Any], Iterable[Block]]
    formatting: Formatting
    remove: Callable[[Any], None]

    def read(self, table: Any) -> Block:
        rows, columns = [], set[int]()
        for row in self._rows(table):
            read = [(cell, list(self.blocks(cell.element))) for cell in self._cells(row)]
            rows.append((row, read))
            columns |= {cell.column for cell, blocks in read if any(has_text(block) for block in blocks)}
        if is_layout([[blocks for _, blocks in read] for _, read in rows], len(columns)):
            return Layout(tuple(block for _, read in rows for _, blocks in read for block in blocks))
        notes = tuple(note for _, read in rows for _, blocks in read for block in blocks for note in notes_of(block))
        styled = self.formatting.visibility.table_styles.marks_first_row(table)
        return Grid(Table(tuple(self._data(rows)), styled), notes)

    def _data(self, rows: list[tuple[Any, list[tuple["_Place", list[Block]]]]]) -> Iterator[Row]:
        """Below the first rows it only matters how cells look when the whole first rows are set off."""
        set_off = False
        for number, (row, read) in enumerate(rows):
            look = self._look if set_off or number < _FIRST_ROWS else _no_look
            cells = tuple(
                Cell(_joined(blocks), cell.column, cell.span, look(cell.element), cell.continues)
                for cell, blocks in read
            )
            set_off = set_off or all(cell.look for cell in cells if cell.text)
            yield Row(cells, is_on(at(row, "w:trPr", "w:tblHeader")))

    def _rows(self, container: Any) -> Iterator[Any]:
        for child in container:
            if child.tag == tag("w:tr"):
                if at(child, "w:trPr", "w:del") is None:
                    yield child
                else:
                    self.remove(child)
            elif child.tag == tag("mc:AlternateContent"):
                yield from self._rows(chosen(child))
            elif child.tag in REMOVED:
                self.remove(child)
            elif child.tag not in UNREAD:
                yield from self._rows(child)

    def _cells(self, row: Any) -> Iterator["_Place"]:
        column = whole(value(at(row, "w:trPr", "w:gridBefore")), 0)
        for cell in self._cell_elements(row):
            place = _Place(cell, column)
            column += place.span
            if at(cell, "w:tcPr", "w:cellDel") is None:
                yield place
            else:
                self.remove(cell)

    def _cell_elements(self, container: Any) -> Iterator[Any]:
        for child in container:
            if child.tag == tag("w:tc"):
                yield child
            elif child.tag == tag("mc:AlternateContent"):
                yield from self._cell_elements(chosen(child))
            elif child.tag not in UNREAD and child.tag not in REMOVED:
                yield from self._cell_elements(child)

    def _look(self, cell: Any) -> str:
        """How a cell is set off: by its shading, or by text that is all bold."""
        fill = at(cell, "w:tcPr", "w:shd")
        shade = fill.get(tag("w:fill"), "") + fill.get(tag("w:themeFill"), "") if fill is not None else ""
        runs = [run for run in cell.iter(tag("w:r")) if any((each.text or "").strip() for each in text_nodes(run))]
        bold = bool(runs) and all(
            self.formatting.styles.is_bold(run, next(run.iterancestors(tag("w:p")), None)) for run in runs
        )
        return ("" if shade in ("auto", "FFFFFF") else shade) + ("bold" if bold else "")


def _no_look(cell: Any) -> str:
    return ""


def _joined(blocks: list[Block]) -> str:
    return squeeze(" ".join(flat(block) for block in blocks))


class _Place:
    """A cell with its place in the grid of its table."""

    def __init__(self, element: Any, column: int) -> None:
        self.element, self.column = element, column
        self.span = min(_MAX_SPAN, max(1, whole(value(at(element, "w:tcPr", "w:gridSpan")), 1)))
        merge = at(element, "w:tcPr", "w:vMerge")
        self.continues = merge is not None and value(merge, "continue") == "continue"
