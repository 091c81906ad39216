"""CSV and JSON lines: every record becomes lines with field names, so that a chunk is understandable by itself."""

import csv
import json
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.decoding import decode
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.safety.domain.text import Finding

# Cells that a spreadsheet would evaluate: "=…", "@f(", and "+" or "-" before anything but a number.
_FORMULA = re.compile(r"\s*(?:=|@\w+\(|[+\-](?![\d\s.,()/-]*%?\s*$)(?=.*[(!|])|[\t\r]=)")
_NUMBER = re.compile(r"[-+]?[\d.,]+%?")
_TEXT_KEYS = ("text", "content", "body", "passage", "contents", "abstract", "page_content")
_TITLE_KEYS = ("title", "heading", "name", "subject")
_ID_KEYS = ("id", "_id", "doc_id", "docid", "uid", "url", "uri")
_MAX_DEPTH = 32


def parse_csv(data: bytes, *, repair: bool) -> ParsedDocument:
    text, findings = decode(data, repair=repair)
    builder = TextBuilder(findings)
    csv.field_size_limit(max(csv.field_size_limit(), len(data) + 1))  # a global limit: never lowered
    rows = csv.reader(StringIO(text.replace("\0", " "), newline=""), delimiter=_delimiter(text), strict=False)
    try:
        _write_rows(builder, rows)
    except csv.Error as error:
        raise Unparsable("unreadable", f"The table cannot be read: {error}.") from error
    return builder.build("csv")


def _delimiter(text: str) -> str:
    first = text[:20_000].partition("\n")[0]
    return max(",;\t|", key=lambda mark: (first.count(mark), mark == ","))


def _write_rows(builder: TextBuilder, rows: Iterator[list[str]]) -> None:
    header: list[str] | None = None
    for row in rows:
        cells = [_harmless(builder, cell) for cell in row]
        if not any(cells):
            continue
        if header is None:
            header = cells if _is_header(cells) else []
            if header:
                builder.name_columns(header)
                builder.block("Columns: " + ", ".join(header))
                continue
        named = [f"{name}: {cell}" for name, cell in zip(header, cells, strict=False) if cell]
        rest = cells[len(header) :]
        builder.block("; ".join([*named, *filter(None, rest)]), separator="\n")


def _is_header(cells: list[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return len(filled) == len(set(filled)) == len(cells) and not any(
        _NUMBER.fullmatch(cell) or len(cell) > 80 for cell in filled
    )


def _harmless(builder: TextBuilder, cell: str) -> str:
    if _FORMULA.match(cell):
        builder.find(Finding("formula_cells", "cells that a spreadsheet would evaluate were turned into plain text"))
        return "'" + squeeze(cell)
    return squeeze(cell)


def parse_jsonl(data: bytes, *, repair: bool) -> ParsedDocument:
    text, findings = decode(data, repair=repair)
    builder = TextBuilder(findings)
    for number, line in enumerate(text.replace("\0", " ").splitlines(), 1):
        if line.strip():
            _write_record(builder, _loads(line, number))
    return builder.build("jsonl")


def _loads(line: str, number: int) -> Any:
    try:
        record = json.loads(line)
    except RecursionError as error:
        raise Unparsable("nested_too_deep", f"Line {number} is nested too deeply.") from error
    except ValueError as error:
        raise Unparsable("unreadable", f"Line {number} is not valid JSON.") from error
    if _deeper_than(record, _MAX_DEPTH):
        raise Unparsable("nested_too_deep", f"Line {number} is nested more than {_MAX_DEPTH} levels deep.")
    return record


def _deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [child for parent in layer for child in _children(parent)]
        if not layer:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _write_record(builder: TextBuilder, record: Any) -> None:
    if not isinstance(record, dict):
        builder.block("; ".join(_scalars(record)), separator="\n")
        return
    builder.name_columns(map(str, record))
    main = next((key for key in _TEXT_KEYS if isinstance(record.get(key), str)), None)
    if main is None:
        builder.block("; ".join(_scalars(record)), separator="\n")
        return
    title = next((key for key in _TITLE_KEYS if isinstance(record.get(key), str)), None)
    if title:
        builder.heading(1, record[title])
    builder.block(record[main])
    rest = {key: value for key, value in record.items() if key not in (main, title, *_ID_KEYS)}
    builder.block("; ".join(_scalars(rest)), separator="\n")


def _scalars(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _scalars(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _scalars(inner, name)
    elif value is not None and value != "":
        yield f"{name}: {squeeze(str(value))}" if name else squeeze(str(value))
