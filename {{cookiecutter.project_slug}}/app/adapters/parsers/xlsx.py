import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.content_types import raw_texts
from app.adapters.parsers.drawing_colours import WHITE
from app.adapters.parsers.drawing_styles import DrawingStyles
from app.adapters.parsers.drawing_visibility import take_unseen
from app.adapters.parsers.drawings import HIDDEN_TEXT, drawing_places, write_shapes
from app.adapters.parsers.number_formats import hides_numbers, shown_number, shown_text
from app.adapters.parsers.office import core_facts, office_parts, report_active_content
from app.adapters.parsers.sheet_rows import HIDDEN_CELLS, MAX_SPAN_CELLS, MergedCells, Row, write_rows
from app.adapters.parsers.sheet_styles import SheetStyle, sheet_styles
from app.adapters.parsers.word_loss import with_word_loss
from app.adapters.parsers.xml_parts import Element, Parts, attribute, local, readable
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.safety.domain.text import Finding

_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")
_SHEET_PART = re.compile(r"worksheets/[^/]*\.xml$", re.IGNORECASE)
_COMMENTS_PART = re.compile(r"/comments?[^/]*\.xml$", re.IGNORECASE)
_SHARED = re.compile(rb'<(?:\w+:)?c\b[^>]*\bt="s"[^>]*>\s*<(?:\w+:)?v>(\d{1,9})<')
_MAX_COLUMN, _MAX_ROW = 16_384, 1_048_576
_TRUE = frozenset({"1", "true", "on"})


@dataclass(slots=True)
class _Book:
    parts: Parts
    builder: TextBuilder
    strings: list[str]
    styles: list[SheetStyle]
    look: DrawingStyles
    since_1904: bool
    uncalculated: int = 0


@dataclass(slots=True)
class _Sheet:
    """What stands in a sheet's part beside its cells."""

    spans: list[MergedCells] = field(default_factory=list)
    hidden_columns: list[range] = field(default_factory=list)
    rows_hidden: bool = False
    own_colours: bool = True


def parse_xlsx(data: bytes, *, repair: bool) -> ParsedDocument:
    with readable():
        parts, main = office_parts(data, "sheet")
        builder = TextBuilder()
        report_active_content(builder, parts)
        relations = parts.related(main)
        by_kind = {each.kind: each.target for each in relations.values()}
        workbook = parts.xml(main)
        properties = workbook.find("{*}workbookPr")
        look = DrawingStyles(parts.look(by_kind.get("theme", "")))
        book = _Book(
            parts,
            builder,
            _strings(parts, by_kind.get("sharedStrings", "")),
            sheet_styles(parts, by_kind.get("styles", ""), look.slots),
            look,
            since_1904=properties is not None and properties.get("date1904") in _TRUE,
        )
        read: set[str] = set()
        for sheet in workbook.iterfind("{*}sheets/{*}sheet"):
            related = relations.get(attribute(sheet, "id") or "")
            if related is None or related.external or related.target in read or related.target not in parts:
                continue
            read.add(related.target)
            _write_sheet(book, sheet, related.target)
        if book.uncalculated:
            detail = "formulas without a stored value were left out; open the file in a spreadsheet and save it again"
            builder.find(Finding("uncalculated_cells", detail, book.uncalculated))
        title, metadata = core_facts(parts)
        document = replace(builder.build("xlsx", title, metadata), title=squeeze(title)[:300])
        return with_word_loss(document, partial(_places, parts, book.strings))


def _strings(parts: Parts, name: str) -> list[str]:
    if name not in parts:
        return []
    return [_string(item) for item in parts.elements(name, "{*}si")]


def _string(item: Element) -> str:
    """The text without its phonetic reading."""
    runs = (item.iterfind(path) for path in ("{*}t", "{*}r/{*}t"))
    return "".join(text.text or "" for found in runs for text in found)


def _write_sheet(book: _Book, sheet: Element, part: str) -> None:
    name = sheet.get("name", "")
    if sheet.get("state", "visible") != "visible":
        beside = (text for _, target in _beside(book.parts, part) for text in raw_texts(book.parts.read(target)))
        book.builder.hide(" ".join([name, *_texts(book, part), *beside]), HIDDEN_CELLS)
        return
    book.builder.heading(1, name)
    described = _describe(book.parts, part)
    write_rows(book.builder, _rows(book, part, described), described.spans)
    for kind, target in _beside(book.parts, part):
        if kind == "comments":
            _write_comments(book, target)
        else:
            _write_drawing(book, target, described)


def _write_drawing(book: _Book, part: str, sheet: _Sheet) -> None:
    """A drawing is seen on white where no cell of the workbook has a fill, and none is coloured by a rule."""
    root = book.parts.xml(part)
    plain = sheet.own_colours and not any(style.filled for style in book.styles)
    book.builder.hide(take_unseen(root, book.look, WHITE if plain else None), HIDDEN_TEXT)
    write_shapes(book.builder, book.parts, part, root, book.look)


def _beside(parts: Parts, sheet: str) -> Iterator[tuple[str, str]]:
    """The kinds and parts of the comments and drawings of a sheet."""
    for related in parts.related(sheet).values():
        if related.kind in ("comments", "drawing") and related.target in parts and not related.external:
            yield related.kind, related.target


def _describe(parts: Parts, part: str) -> _Sheet:
    sheet = _Sheet()
    names = ("row", "sheetFormatPr", "col", "mergeCell", "tablePart", "conditionalFormatting")
    for element in parts.elements(part, *(f"{{*}}{name}" for name in names)):
        name = local(element)
        if name == "sheetFormatPr":
            sheet.rows_hidden = element.get("zeroHeight") in _TRUE
        elif name == "col" and element.get("hidden") in _TRUE:
            sheet.hidden_columns.append(range(int(element.get("min", 1)) - 1, int(element.get("max", 1))))
        elif name == "mergeCell" and (span := _span(element.get("ref", ""))):
            sheet.spans.append(span)
        elif name in ("tablePart", "conditionalFormatting"):
            sheet.own_colours = False
    sheet.spans.sort(key=lambda span: span.top)
    return sheet


def _span(reference: str) -> MergedCells | None:
    match = _REFERENCE.fullmatch(reference)
    if not match or not match[3]:
        return None
    span = MergedCells(int(match[2]) - 1, _column(match[1]), int(match[4]) - 1, _column(match[3]))
    cells = (span.bottom - span.top + 1) * (span.right - span.left + 1)
    return span if 1 < cells <= MAX_SPAN_CELLS and span.bottom >= span.top else None


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _rows(book: _Book, part: str, sheet: _Sheet) -> Iterator[tuple[int, Row]]:
    number = -1
    for element in book.parts.elements(part, "{*}row"):
        number = _row_number(element, number)
        hidden = element.get("hidden")
        row_hidden = hidden in _TRUE or (hidden is None and sheet.rows_hidden and element.get("ht") is None)
        row, unseen = {}, []
        for column, text, seen in _cells(book, element, sheet):
            if row_hidden or not seen or any(column in columns for columns in sheet.hidden_columns):
                unseen.append(text)
            else:
                row[column] = text
        if unseen:
            book.builder.hide(" ".join(unseen), HIDDEN_CELLS)
        if row or unseen or row_hidden:
            yield number, row


def _row_number(element: Element, before: int) -> int:
    given = element.get("r")
    number = int(given) - 1 if given else before + 1
    if not before < number < _MAX_ROW:
        raise Unparsable("unreadable", "The rows of a sheet are not in order.")
    return number


def _cells(book: _Book, row: Element, sheet: _Sheet | None = None) -> Iterator[tuple[int, str, bool]]:
    """Column, shown text and whether its colour and format show it, of each cell that holds something."""
    column = -1
    for cell in row.iterfind("{*}c"):
        match = _REFERENCE.fullmatch(cell.get("r", ""))
        column = _column(match[1]) if match else column + 1
        if column >= _MAX_COLUMN:
            raise Unparsable("unreadable", "A sheet has more columns than a spreadsheet can have.")
        index = int(cell.get("s", 0))
        style = book.styles[index] if 0 <= index < len(book.styles) else SheetStyle("")
        text = squeeze(_value(book, cell, style))
        if text:
            invisible = hides_numbers(style.code) or (style.unseen and sheet is not None and sheet.own_colours)
            yield column, text, not invisible


def _value(book: _Book, cell: Element, style: SheetStyle) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inline = cell.find("{*}is")
        return shown_text(_string(inline), style.code) if inline is not None else ""
    value: str | None = cell.findtext("{*}v")
    if not value:
        book.uncalculated += cell.find("{*}f") is not None and kind != "str"
        return ""
    if kind == "s":
        index = int(value)
        return shown_text(book.strings[index], style.code) if 0 <= index < len(book.strings) else ""
    if kind == "b":
        return "TRUE" if value.strip() in _TRUE else "FALSE"
    if kind == "d":
        return value.replace("T", " ").removesuffix(" 00:00:00")
    if kind == "n":
        return shown_number(value, style.code, since_1904=book.since_1904)
    return shown_text(value, style.code) if kind == "str" else value


def _texts(book: _Book, part: str) -> Iterator[str]:
    for row in book.parts.elements(part, "{*}row"):
        yield from (text for _, text, _ in _cells(book, row))


def _write_comments(book: _Book, part: str) -> None:
    for comment in book.parts.elements(part, "{*}comment"):
        text = comment.find("{*}text")
        if text is not None and (words := squeeze(_string(text))):
            book.builder.block(f"Comment on {comment.get('ref', '')}: {words}", separator="\n")


def _places(parts: Parts, strings: list[str]) -> Iterator[tuple[str, str]]:
    """All text of the file, by its parts' names and not by what refers to them."""
    yield from drawing_places(parts)
    for name in parts.names:
        if _SHEET_PART.search(name):
            part = parts.read(name)
            for match in _SHARED.finditer(part):
                yield "cells", strings[int(match[1])] if int(match[1]) < len(strings) else ""
            yield from (("cells", text) for text in raw_texts(part))
        elif _COMMENTS_PART.search(name):
            yield from (("comment", text) for text in raw_texts(parts.read(name)))
