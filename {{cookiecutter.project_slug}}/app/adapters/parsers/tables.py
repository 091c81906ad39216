"""CSV: every row becomes a line with the names of its columns, so that a chunk is understandable by itself."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from io import StringIO
from itertools import chain, islice

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.csv_shape import SAMPLE_ROWS, Shape, delimiter_of, named_delimiter, shape_of
from app.adapters.parsers.decoding import decode
from app.adapters.parsers.formulas import SIGNS, is_formula
from app.adapters.parsers.word_loss import with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.safety.domain.text import Finding, normalise

_MAX_TITLE = 120


def parse_csv(data: bytes, *, repair: bool) -> ParsedDocument:
    decoded, findings = decode(data, repair=repair)
    text = decoded.replace("\0", " ")
    delimiter, text = named_delimiter(text) or (delimiter_of(text), text)
    builder = TextBuilder(findings)
    csv.field_size_limit(max(csv.field_size_limit(), len(data) + 1))  # a global limit: never lowered
    rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=False, skipinitialspace=True)
    try:
        title = _write_rows(builder, map(_squeezed, rows))
    except csv.Error as error:
        raise Unparsable("unreadable", f"The table cannot be read: {error}.") from error
    return with_word_loss(builder.build("csv", title), partial(_raw_cells, text, delimiter))


def _write_rows(builder: TextBuilder, rows: Iterator[list[str]]) -> str:
    """Write all rows; returns the title that stands above the table, if there is one."""
    sample = list(islice(rows, SAMPLE_ROWS))
    shape = shape_of(sample)
    above = [_joined(builder, row) for row in sample[: shape.before]]
    for line in filter(None, above):
        builder.block(line, "\n")
    if shape.header:
        names = [name for name in shape.header if name]
        builder.name_columns(names)
        builder.block("Columns: " + ("; " if any("," in name for name in names) else ", ").join(names))
    start = shape.before + (shape.header is not None)
    for row in chain(sample[start:], rows):
        builder.block(_line(builder, row, shape), "\n")
    first = next(filter(None, above), "")
    return first if len(first) <= _MAX_TITLE and not first.startswith("#") else ""


def _line(builder: TextBuilder, row: Sequence[str], shape: Shape) -> str:
    header = shape.header
    note = len(row) != shape.width and ((row[:1] and row[0].startswith("#")) or (len(row) == 1 and shape.width > 2))
    if header is None or note or row == header:
        return _joined(builder, row)
    cells = _harmless(builder, row)
    named = [f"{name}: {cell}" if name else cell for name, cell in zip(header, cells, strict=False) if cell]
    return "; ".join([*named, *filter(None, cells[len(header) :])])


def _joined(builder: TextBuilder, row: Iterable[str]) -> str:
    return "; ".join(filter(None, _harmless(builder, row)))


def _harmless(builder: TextBuilder, row: Iterable[str]) -> list[str]:
    cells = list(row)
    for column in [column for column, cell in enumerate(cells) if cell[:1] in SIGNS]:
        if is_formula(cells[column]):
            detail = "cells that a spreadsheet would evaluate were turned into plain text"
            builder.find(Finding("formula_cells", detail))
            cells[column] = "'" + cells[column]
    return cells


def _squeezed(row: list[str]) -> list[str]:
    """The cells without needless blanks: all at once, where none is at the edge of a cell."""
    joined = " ".join("\0".join(row).split())
    if not row or " \0" in joined or "\0 " in joined:
        return [squeeze(cell) for cell in row]
    return joined.split("\0")


def _raw_cells(text: str, delimiter: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(normalise(text).text.split("\n"), 1):
        place = f"line {number}"
        for part in line.split(delimiter):
            yield place, part.strip('" ')
