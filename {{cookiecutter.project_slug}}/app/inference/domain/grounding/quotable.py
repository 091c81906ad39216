"""Which parts of a passage may be quoted: no heading, no code, no header of a table, no marker of a list."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[`~]*[ \t]*(\S?)[^\n]*$", re.MULTILINE)
_HEADING = re.compile(r"\s*#{1,6}\s")
_UNDERLINED = re.compile(r"[ \t]*\n[ \t]*(?:={3,}|-{3,})[ \t]*(?:\n|$)")
_RULE = re.compile(r"[ \t]*\|?[-=:*_ \t|]*[-=*_]{3,}[-=:*_ \t|]*(?=\n|$)|[ \t]*\|[-: \t|]*-[-: \t|]*(?=\n|$)")
_MARKER = re.compile(r"(?:[-*+•‣–][ \t]+(?:\[[ xX]\][ \t]+)?|\(?\d{1,3}[.)][ \t]+|>[ \t]?)+")
_NUMBER = re.compile(r"\(?\d{1,3}[.)]")
_COLUMNS = re.compile(r"Columns: ")
_ENDS = (".", "!", "?", "…", ":", ";", ",", "。", "！", "？", "؟", "।", '"', "”", ")")
_MAX_HEADING_WORDS = 10


class QuotableSpan(NamedTuple):
    """Offsets in the passage. doubtful: it reads like a heading, and is quoted only where nothing better is."""

    start: int
    end: int
    doubtful: bool = False


def quotable(text: str, start: int, end: int) -> QuotableSpan | None:
    """The part of a sentence of the passage that may be quoted; None where none may be.

    Left out are its list marker, and lines before it that a splitter took for its beginning.
    """
    if any(start < to and since < end for since, to in _code(text)):
        return None
    while _is_structure(text, start):
        if (start := _line_end(text, start) + 1) >= end:
            return None
    marker = _MARKER.match(text, start, end)
    begin = marker.end() if marker else start
    if not any(character.isalnum() for character in text[begin:end]) or _NUMBER.fullmatch(text, begin, end):
        return None
    if _UNDERLINED.match(text, end):
        return None
    return QuotableSpan(begin, end, not marker and _reads_like_a_heading(text, start, end))


def _is_structure(text: str, start: int) -> bool:
    """Whether the line from `start` on is a heading, a ruled line or the header of a table."""
    return bool(_HEADING.match(text, start) or _RULE.match(text, start)) or _is_table_header(text, start)


@lru_cache(maxsize=1024)
def _code(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(_fenced(text))


def _fenced(text: str) -> Iterator[tuple[int, int]]:
    """The blocks of code with their fences. A passage may begin or end in one; only an opening one names a language."""
    fences = list(_FENCE.finditer(text))
    if len(fences) % 2 and not fences[0][1]:
        yield 0, fences[0].end()
        fences = fences[1:]
    for opening, closing in zip(fences[::2], [*fences[1::2], None], strict=False):
        yield opening.start(), closing.end() if closing else len(text)


def _is_table_header(text: str, start: int) -> bool:
    """The names of a table's columns, a row above a ruled line, and the first row of a table that has none."""
    if _COLUMNS.match(text, start):
        return True
    line_start, line_end = text.rfind("\n", 0, start) + 1, _line_end(text, start)
    above = text[text.rfind("\n", 0, max(0, line_start - 1)) + 1 : max(0, line_start - 1)]
    line, below = text[line_start:line_end], text[line_end + 1 : _line_end(text, line_end + 1)]
    if "|" in line and "|" in below and _RULE.fullmatch(below):
        return True
    # A passage may begin in the middle of a table.
    return line_start > 0 and " | " in line and " | " in below and "|" not in above


def _line_end(text: str, start: int) -> int:
    found = text.find("\n", start)
    return len(text) if found < 0 else found


def _reads_like_a_heading(text: str, start: int, end: int) -> bool:
    """A short line by itself with another paragraph below it, no figure, and nothing that ends a sentence."""
    line = text[start:end]
    alone = text[:start].rstrip(" \t").endswith("\n\n") or not text[:start].strip()
    followed = text[end:].lstrip(" \t").startswith("\n\n")
    return (
        alone
        and followed
        and "\n" not in line
        and ":" not in line
        and not line.endswith(_ENDS)
        and not any(character.isdigit() for character in line)
        and len(line.split()) <= _MAX_HEADING_WORDS
    )
