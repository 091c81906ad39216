"""JSON lines: every record becomes a section or lines with field names."""

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.decoding import decode
from app.adapters.parsers.word_loss import with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.safety.domain.text import normalise

_TEXT_KEYS = ("text", "content", "body", "passage", "contents", "abstract", "page_content")
_TITLE_KEYS = ("title", "heading", "name", "subject")
_ID_KEYS = ("id", "_id", "doc_id", "docid", "uid", "url", "uri")
_MAX_DEPTH = 32
_CONTAINERS = (dict, list)
_STRING = re.compile(r"\"([^\"\\]*+(?:\\.[^\"\\]*+)*+)\"(\s*+:)?")
_ARRAY = "The file is one JSON array, not JSON lines: write each of its elements on a line of its own, without commas."
_SPREAD = "The file is one JSON value over several lines, not JSON lines: write each record on one line."


def parse_jsonl(data: bytes, *, repair: bool) -> ParsedDocument:
    decoded, findings = decode(data, repair=repair)
    builder = TextBuilder(findings)
    # Only line feeds end a record: U+2028 and U+0085 may stand within its strings.
    lines = decoded.replace("\0", " ").split("\n")
    for number, line in enumerate(lines, 1):
        if line.strip():
            record = _loads(line, number, lines)
            _write_record(builder, record)
    return with_word_loss(builder.build("jsonl"), partial(_places, lines))


def _loads(line: str, number: int, lines: list[str]) -> Any:
    try:
        record = json.loads(line)
    except RecursionError as error:
        raise Unparsable("nested_too_deep", f"Line {number} is nested too deeply.") from error
    except ValueError as error:
        raise Unparsable("unreadable", _why_not(line, number, lines)) from error
    if _deeper_than(record, _MAX_DEPTH):
        raise Unparsable("nested_too_deep", f"Line {number} is nested more than {_MAX_DEPTH} levels deep.")
    if isinstance(record, list) and any(isinstance(each, dict) for each in record) and _is_only(number, lines):
        raise Unparsable("unreadable", _ARRAY)
    return record


def _is_only(number: int, lines: list[str]) -> bool:
    return not any(line.strip() for line in lines[: number - 1]) and not any(line.strip() for line in lines[number:])


def _why_not(line: str, number: int, lines: list[str]) -> str:
    if any(each.strip() for each in lines[: number - 1]):
        return f"Line {number} is not valid JSON."
    last = next(each.strip() for each in reversed(lines) if each.strip())
    for opening, closing, reason in (("[", "]", _ARRAY), ("{", "}", _SPREAD)):
        if line.strip().startswith(opening) and last.endswith(closing) and not _is_only(number, lines):
            return reason
    return f"Line {number} is not valid JSON."


def _places(lines: list[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, 1):
        place = f"line {number}"
        for text in _strings(line):
            yield place, text if text.isascii() and text.isprintable() else normalise(text).text


def _strings(line: str) -> Iterator[str]:
    """The strings that are values, found without reading the record; apart from ids, which are left out."""
    key = ""
    for text, is_key in _STRING.findall(line):
        if is_key:
            key = text
        elif key not in _ID_KEYS:
            yield str(json.loads(f'"{text}"', strict=False)) if "\\" in text else text


def _deeper_than(value: Any, levels: int) -> bool:
    layer = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(levels):
        layer = [child for parent in layer for child in _children(parent) if isinstance(child, _CONTAINERS)]
        if not layer:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


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
            path = f"{name}.{key}" if name else str(key)
            if isinstance(inner, _CONTAINERS):
                yield from _scalars(inner, path)
            elif inner is not None and inner != "":
                yield f"{path}: {squeeze(inner) if isinstance(inner, str) else inner}"
    elif isinstance(value, list):
        for inner in value:
            yield from _scalars(inner, name)
    elif value is not None and value != "":
        yield f"{name}: {squeeze(str(value))}" if name else squeeze(str(value))
