"""Markdown: the stored text is the source itself, so that offsets refer to the author's text. What a renderer does not
show is cut out of it.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import unescape
from typing import Any

import yaml

from app.adapters.parsers.builder import squeeze
from app.adapters.parsers.decoding import decode
from app.adapters.parsers.hidden_markup import HiddenSpan, hidden_elements, merged
from app.adapters.parsers.markdown_blocks import blocks_of
from app.adapters.parsers.word_loss import with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument
from app.retrieval.domain.chunking import Heading
from app.safety.domain.text import Finding, normalise

_YAML = re.compile(r"\A---[ \t]*\n(.{0,50000}?\n|)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML = re.compile(r"\A\+\+\+[ \t]*\n(.{0,50000}?\n|)\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_MAX_HEADING_CHARACTERS = 1_000
_UNRENDERED = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)|<![A-Za-z].*?(?:>|\Z)", re.DOTALL
)
_HTML_HEADING = re.compile(r"<h([1-6])\b[^>]{0,1000}>(.{0,1000}?)</h\1\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_NO_TAG = "\x01"


def parse_markdown(data: bytes, *, repair: bool) -> ParsedDocument:
    decoded, findings = decode(data, repair=repair)
    clean = normalise(decoded.replace("\0", " "))
    source, metadata = _without_front_matter(clean.text)
    blocks = blocks_of(source)
    markup = _only_html(source, merged(blocks.html))
    unrendered = [match.span() for match in _UNRENDERED.finditer(markup)]
    elements = hidden_elements(_blanked(markup, unrendered))
    cuts = merged([*unrendered, *elements, *blocks.comments])
    text, moved = _cut(source, cuts)
    headings = tuple(
        Heading(level, title[:_MAX_HEADING_CHARACTERS], moved(start))
        for start, level, title in sorted([*blocks.titles(), *_html_headings(source, markup)])
        if title and not any(start in range(*cut) for cut in _around(cuts, start))
    )
    taken = (Finding("hidden_text", "markup that is not shown was removed", len(elements)),) if elements else ()
    document = ParsedDocument(
        kind="markdown",
        text=text,
        title=(metadata.get("title") or next((heading.title for heading in headings), ""))[:300],
        headings=headings,
        metadata=metadata,
        findings=(*findings, *clean.findings, *taken),
        hidden="\n".join(filter(None, (clean.hidden, *(source[start:end] for start, end in cuts)))),
    )
    return with_word_loss(document, partial(_raw_lines, clean.text, text))


def _raw_lines(raw: str, text: str) -> Iterator[tuple[str, str]]:
    """The lines of the file after its front matter; in one piece where nothing was taken from them."""
    if raw == text:
        yield "text", raw
        return
    lines = raw.split("\n")
    mark = lines[0].rstrip(" \t")
    ends = {"---": ("---", "..."), "+++": ("+++",)}.get(mark, ())
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip(" \t") in ends), 0)
    yield from ((f"line {number}", line) for number, line in enumerate(lines[end:], end + 1))


def _without_front_matter(text: str) -> tuple[str, dict[str, str]]:
    """Only a mapping is front matter: text between two thematic breaks is not."""
    for pattern, load in ((_YAML, _yaml), (_TOML, tomllib.loads)):
        if match := pattern.match(text):
            try:
                fields = load(match[1])
            except (ValueError, yaml.YAMLError, RecursionError):
                return text, {}
            return (text[match.end() :], dict(_scalars(fields))) if isinstance(fields, dict) else (text, {})
    return text, {}


def _yaml(text: str) -> Any:
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    return yaml.load(text, Loader=loader) if text.strip() else {}  # noqa: S506  which makes strings only


def _scalars(fields: dict[Any, Any]) -> Iterator[tuple[str, str]]:
    for key, value in fields.items():
        values = value if isinstance(value, list) else [value]
        if all(not isinstance(each, dict | list) for each in values):
            text = squeeze(", ".join(str(each) for each in values))
            if text:
                yield squeeze(str(key)).lower()[:40], text[:1000]


def _only_html(source: str, spans: Sequence[HiddenSpan]) -> str:
    """The source, in which only HTML has a "<"; nothing where there is none."""
    if not spans:
        return ""
    parts, position = [], 0
    for start, end in spans:
        parts += [source[position:start].replace("<", _NO_TAG), source[start:end]]
        position = end
    return "".join([*parts, source[position:].replace("<", _NO_TAG)])


def _blanked(text: str, spans: Sequence[HiddenSpan]) -> str:
    parts, position = [], 0
    for start, end in spans:
        parts += [text[position:start], " " * (end - start)]
        position = end
    return "".join([*parts, text[position:]])


def _cut(source: str, spans: Sequence[HiddenSpan]) -> tuple[str, Callable[[int], int]]:
    """The source without the spans, and where a place of it went."""
    parts, position, removed = [], 0, [0]
    for start, end in spans:
        parts.append(source[position:start])
        removed.append(removed[-1] + end - start)
        position = end
    ends = [end for _, end in spans]
    return "".join([*parts, source[position:]]), lambda place: place - removed[bisect_right(ends, place)]


def _around(spans: Sequence[HiddenSpan], place: int) -> Sequence[HiddenSpan]:
    at = bisect_right(spans, (place, 1 << 62))
    return spans[max(0, at - 1) : at]


def _html_headings(source: str, markup: str) -> Iterator[tuple[int, int, str]]:
    for match in _HTML_HEADING.finditer(markup):
        start = source.rfind("\n", 0, match.start()) + 1
        yield start, int(match[1]), squeeze(unescape(_TAG.sub("", source[match.start(2) : match.end(2)])))
