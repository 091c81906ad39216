import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.open_document_styles import OpenDocumentVisibility
from app.adapters.parsers.sheet_rows import MAX_SPAN_CELLS, MergedCells, Row, write_rows
from app.adapters.parsers.xml_parts import Element, attribute, local

BLOCK_ENDS = re.compile(
    rb"</(?:text:p|text:h|table:table-cell|text:note-citation|text:ruby-\w+)>"
    rb"|<(?:text:(?:s|tab|line-break|note|ruby-\w+)|office:annotation|draw:[\w-]+)\b[^>]*>"
)
"""Where one word ends and another begins, in an untagged text."""

HIDDEN = "text that is not visible to a reader of the document was left out"
_SKIPPED = frozenset({"forms", "sequence-decls", "variable-decls", "user-field-decls"})
# The same names are also fields within a text, which are read.
_FACTS = frozenset({"title", "desc", "creator", "date"})
_TEXT_SPACE = ":text:1.0}"
_TEMPLATES = frozenset(
    {
        "table-of-content-source",
        "alphabetical-index-source",
        "bibliography-source",
        "illustration-index-source",
        "table-index-source",
        "user-index-source",
        "object-index-source",
    }
)
_SPACES = {"tab": "\t", "line-break": "\n"}
_APART = frozenset({"note", "annotation", "frame", "custom-shape", "text-box", "rect", "ellipse", "g"})
_MAX_SPACES = 1_000


def _is_skipped(element: Element, tag: str) -> bool:
    return tag in _SKIPPED or (tag in _FACTS and _TEXT_SPACE not in str(element.tag))


def inline_text(element: Element) -> str:
    """All text inside, whether it is shown or not."""
    return "".join(_pieces(element))


def _pieces(element: Element) -> Iterator[str]:
    tag = local(element)
    if tag == "s":
        yield " " * min(_MAX_SPACES, int(attribute(element, "c") or 1))
    yield _SPACES.get(tag, "")
    if not _is_skipped(element, tag):
        yield element.text or ""
        for child in element:
            yield from _pieces(child)
            yield child.tail or ""


class Flow:
    """Writes the paragraphs, lists, tables and frames of a text in their order. marks: what paragraphs begin with."""

    def __init__(
        self,
        builder: TextBuilder,
        visibility: OpenDocumentVisibility,
        marks: Mapping[Element, str] = MappingProxyType({}),
    ) -> None:
        self.builder = builder
        self.visibility = visibility
        self.marks = marks
        self.apart: list[Element] = []

    def write(self, parent: Element) -> None:
        for child in parent:
            self.write_element(child)

    def write_element(self, element: Element) -> None:
        tag = local(element)
        if tag in ("p", "h"):
            self._write_paragraph(element)
        elif tag == "table":
            self._write_table(element)
        elif tag == "tracked-changes" or (tag == "section" and attribute(element, "display") == "none"):
            self.builder.hide(inline_text(element), HIDDEN)
        elif tag == "annotation":
            self._write_annotation(element)
        elif not _is_skipped(element, tag) and tag not in _TEMPLATES:
            self.write(element)

    def _write_paragraph(self, paragraph: Element) -> None:
        outer, self.apart = self.apart, []
        mark = self.marks.get(paragraph, "")
        text = "\n".join(filter(None, map(squeeze, self._shown(paragraph).split("\n"))))
        if local(paragraph) == "h":
            title = f"{mark.removeprefix('- ')}{text}" if text else ""
            self.builder.heading(min(9, int(attribute(paragraph, "outline-level") or 1)), title)
        else:
            self.builder.block(f"{mark}{text}" if text else "", separator="\n" if mark else "\n\n")
        apart, self.apart = self.apart, outer
        for element in apart:
            if local(element) == "note":
                self._write_note(element)
            else:
                self.write_element(element)

    def _shown(self, element: Element) -> str:
        """The visible text of a paragraph; what stands beside its line is put apart."""
        if self.visibility.hides_text(element) or local(element) in ("hidden-text", "hidden-paragraph"):
            self.builder.hide(inline_text(element), HIDDEN)
            return ""
        tag = local(element)
        if _is_skipped(element, tag):
            return ""
        if tag == "s":
            return " " * min(_MAX_SPACES, int(attribute(element, "c") or 1))
        pieces = [_SPACES.get(tag, ""), element.text or ""]
        for child in element:
            if local(child) in _APART:
                self.apart.append(child)
                pieces.append(f" [{citation}]" if (citation := self._citation(child)) else " ")
            elif local(child) == "ruby-text":
                pieces.append(f" ({self._shown(child)})")
            else:
                pieces.append(self._shown(child))
            pieces.append(child.tail or "")
        return "".join(pieces)

    def _citation(self, note: Element) -> str:
        return squeeze(note.findtext("{*}note-citation") or "") if local(note) == "note" else ""

    def _write_note(self, note: Element) -> None:
        texts = (self._shown(each) for body in note.iterfind("{*}note-body") for each in body.iter("{*}p"))
        if text := squeeze(" ".join(texts)):
            self.builder.block(f"[{self._citation(note)}] {text}")

    def _write_annotation(self, annotation: Element) -> None:
        if text := squeeze(" ".join(map(inline_text, annotation.iterfind(".//{*}p")))):
            self.builder.block(f"Comment: {text}")

    def _write_table(self, table: Element) -> None:
        rows: list[tuple[int, Row]] = []
        spans: list[MergedCells] = []
        outer, self.apart = self.apart, []
        for number, row in enumerate(table.iterfind(".//{*}table-row")):
            cells: Row = {}
            for column, cell in enumerate(each for each in row if local(each).endswith("table-cell")):
                paragraphs = (f"{self.marks.get(each, '')}{self._shown(each)}" for each in cell.iterfind(".//{*}p"))
                if text := squeeze(" ".join(paragraphs)):
                    cells[column] = text
                if span := span_of(cell, number, column):
                    spans.append(span)
            rows.append((number, cells))
        write_rows(self.builder, rows, spans)
        apart, self.apart = self.apart, outer
        for element in apart:
            self._write_note(element) if local(element) == "note" else self.write_element(element)


def span_of(cell: Element, row: int, column: int) -> MergedCells | None:
    height = int(attribute(cell, "number-rows-spanned") or 1)
    width = int(attribute(cell, "number-columns-spanned") or 1)
    return (
        MergedCells(row, column, row + height - 1, column + width - 1) if 1 < height * width <= MAX_SPAN_CELLS else None
    )
