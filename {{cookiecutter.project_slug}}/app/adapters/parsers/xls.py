from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from io import BytesIO
from itertools import chain

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.number_formats import plain_number
from app.adapters.parsers.office import report_macros
from app.adapters.parsers.sheet_rows import HIDDEN_CELLS, MergedCells, write_rows
from app.adapters.parsers.word_loss import with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.safety.domain.text import normalise

_MACROS = "_VBA_PROJECT".encode("utf-16-le")
Value = int | float | str | bool | time | date | datetime | timedelta


def parse_xls(data: bytes, *, repair: bool) -> ParsedDocument:
    """Read an old workbook (BIFF) or a binary one (XLSB); formats of numbers and comments are not read."""
    builder = TextBuilder()
    try:
        book = CalamineWorkbook.from_filelike(BytesIO(data))
        for described in book.sheets_metadata:
            if described.typ == SheetTypeEnum.WorkSheet:
                shown = described.visible == SheetVisibleEnum.Visible
                _write_sheet(builder, book, described.name, shown=shown)
    except CalamineError as error:
        code = "encrypted" if "password" in str(error).lower() else "unreadable"
        raise Unparsable(code, "The workbook cannot be opened.") from error
    report_macros(builder, int(_MACROS in data or b"vbaProject.bin" in data))
    document = replace(builder.build("xls"), title="")
    return with_word_loss(document, partial(_places, book))


def _places(book: CalamineWorkbook) -> Iterator[tuple[str, str]]:
    """The cells of the sheets that are shown, in one piece for each sheet, apart from the walk over their rows."""
    for number, described in enumerate(book.sheets_metadata):
        if described.typ == SheetTypeEnum.WorkSheet and described.visible == SheetVisibleEnum.Visible:
            cells = chain.from_iterable(book.get_sheet_by_index(number).to_python())
            yield f"sheet {described.name}", normalise("\n".join(map(_text, cells))).text


def _write_sheet(builder: TextBuilder, book: CalamineWorkbook, name: str, *, shown: bool) -> None:
    sheet = book.get_sheet_by_name(name)
    left = (sheet.start or (0, 0))[1]
    rows = (
        (number, {column: text for column, value in enumerate(row, left) if (text := _text(value))})
        for number, row in enumerate(sheet.iter_rows())
    )
    if not shown:
        builder.hide(f"{name} " + " ".join(text for _, row in rows for text in row.values()), HIDDEN_CELLS)
        return
    builder.heading(1, name)
    spans = [MergedCells(*start, *end) for start, end in sheet.merged_cell_ranges or ()]
    write_rows(builder, ((number, row) for number, row in rows if row), sorted(spans, key=lambda span: span.top))


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return plain_number(Decimal(str(value)))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    return squeeze(str(value))
