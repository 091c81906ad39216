from collections.abc import Iterable, Iterator
from itertools import groupby

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.open_document_looks import UnseenTexts
from app.adapters.parsers.open_document_styles import OpenDocumentVisibility
from app.adapters.parsers.open_document_text import inline_text, span_of
from app.adapters.parsers.sheet_rows import HIDDEN_CELLS, MergedCells, Row, write_rows
from app.adapters.parsers.xml_parts import Element, Parts, attribute, local
from app.ingestion.domain.parsed_document import Unparsable

_MAX_ROWS, _MAX_COLUMNS = 1_048_576, 16_384
_MAX_REPEATED = 1_000
_TAGS = ("table-column", "table-row", "shapes")


def write_sheets(builder: TextBuilder, parts: Parts) -> None:
    """Write each sheet. Its rows are read one after the other, because a sheet may be far larger than its text."""
    visibility: OpenDocumentVisibility | None = None
    unseen = UnseenTexts([])
    elements = parts.elements("content.xml", *(f"{{*}}{tag}" for tag in _TAGS))
    for table, group in groupby(elements, _table_of):
        if visibility is None:
            root = table.getroottree().getroot()
            visibility = OpenDocumentVisibility(parts, root)
            unseen = UnseenTexts([*([parts.xml("styles.xml")] if "styles.xml" in parts else []), root])
        name = attribute(table, "name") or ""
        if visibility.hides_table(table):
            texts = [squeeze(inline_text(each)) for each in group]
            builder.hide(f"{name} {' '.join(texts)}", HIDDEN_CELLS)
            continue
        builder.heading(1, name)
        _Sheet(builder, unseen).write(group)


def _table_of(element: Element) -> Element:
    """The outermost table around an element."""
    tables = [each for each in element.iterancestors() if local(each) == "table"]
    if not tables:
        raise Unparsable("unreadable", "A row stands outside of every sheet.")
    return tables[-1]


class _Sheet:
    def __init__(self, builder: TextBuilder, unseen: UnseenTexts) -> None:
        self.builder = builder
        self.unseen = unseen
        self.spans: list[MergedCells] = []
        self.hidden: list[range] = []
        self.columns = 0
        self.later: list[str] = []

    def write(self, elements: Iterable[Element]) -> None:
        write_rows(self.builder, self._rows(elements), self.spans)
        for line in self.later:
            self.builder.block(line, separator="\n")

    def _rows(self, elements: Iterable[Element]) -> Iterator[tuple[int, Row]]:
        number = 0
        for element in elements:
            repeated = max(1, int(attribute(element, f"number-{_counted(element)}-repeated") or 1))
            self.builder.hide(self.unseen.take(element), HIDDEN_CELLS)
            if local(element) == "table-column":
                if attribute(element, "visibility") in ("collapse", "filter"):
                    self.hidden.append(range(self.columns, self.columns + repeated))
                self.columns += repeated
            elif local(element) == "shapes":
                self.later += filter(None, (squeeze(inline_text(each)) for each in element.iter("{*}p")))
            elif (row := self._row(element, number)) is not None:
                for again in range(min(repeated, _MAX_REPEATED) if row else 0):
                    yield number + again, row
                number += repeated
            else:
                yield number, {}
                number += repeated
            if number > 2 * _MAX_ROWS:
                raise Unparsable("unreadable", "A sheet has more rows than a spreadsheet can have.")

    def _row(self, element: Element, number: int) -> Row | None:
        """The visible cells; None for a hidden row."""
        unseen = []
        row: Row = {}
        hidden = attribute(element, "visibility") in ("collapse", "filter")
        for column, cell, repeated in _cells(element):
            text = squeeze(" ".join(map(inline_text, cell.iterfind("{*}p")))) or (attribute(cell, "value") or "")
            for comment in cell.iterfind("{*}annotation"):
                words = squeeze(" ".join(map(inline_text, comment.iter("{*}p"))))
                self.later.append(f"Comment on {_letters(column)}{number + 1}: {words}")
            for each in range(column, column + min(repeated, _MAX_REPEATED) if text else column):
                if hidden or any(each in columns for columns in self.hidden):
                    unseen.append(text)
                else:
                    row[each] = text
            if span := span_of(cell, number, column):
                self.spans.append(span)
        if unseen:
            self.builder.hide(" ".join(unseen), HIDDEN_CELLS)
        return None if hidden else row


def _cells(row: Element) -> Iterator[tuple[int, Element, int]]:
    column = 0
    for cell in row:
        repeated = max(1, int(attribute(cell, "number-columns-repeated") or 1))
        if local(cell) == "table-cell":
            yield column, cell, repeated
        column += repeated
        if column > 2 * _MAX_COLUMNS:
            raise Unparsable("unreadable", "A sheet has more columns than a spreadsheet can have.")


def _counted(element: Element) -> str:
    return "columns" if local(element) == "table-column" else "rows"


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
