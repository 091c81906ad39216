"""Markdown and plain text: the stored text is the source itself, so that offsets refer to the author's text."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from app.adapters.parsers.builder import squeeze
from app.adapters.parsers.decoding import decode
from app.adapters.parsers.hidden_markup import without_hidden_elements
from app.ingestion.domain.parsed_document import ParsedDocument
from app.retrieval.domain.chunking import Heading
from app.safety.domain.text import Finding, normalise

_FRONT = re.compile(r"\A---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*\n", re.DOTALL)
_FIELD = re.compile(r"^([A-Za-z][\w -]{0,40}):[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_FENCED = re.compile(r"^[ ]{0,3}(```+|~~~+)[^\n]*\n.*?(?:^[ ]{0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|^\[//\]:[ \t]*#[^\n]*", re.DOTALL | re.MULTILINE)
_ATX = re.compile(r"^[ ]{0,3}(#{1,6})[ \t](.+)$", re.MULTILINE)
_MAX_HEADING_CHARACTERS = 1_000
_SETEXT = re.compile(r"^[ ]{0,3}([^\s|>*+\-][^\n]{0,200})\n[ ]{0,3}(=+|-{3,})[ \t]*$", re.MULTILINE)
_MARKUP = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")


def parse_markdown(data: bytes, *, repair: bool) -> ParsedDocument:
    decoded, findings = decode(data, repair=repair)
    clean = normalise(decoded.replace("\0", " "))
    text, metadata = _without_front_matter(clean.text)
    text, hidden, hid = _without_hidden(text)
    headings = tuple(_headings(text))
    title = metadata.get("title") or next((h.title for h in headings), "")
    taken = (Finding("hidden_text", "markup that is not shown was removed", hid),) if hid else ()
    return ParsedDocument(
        kind="markdown",
        text=text,
        title=title[:300],
        headings=headings,
        metadata=metadata,
        findings=(*findings, *clean.findings, *taken),
        hidden="\n".join(filter(None, (clean.hidden, hidden))),
    )


def parse_text(data: bytes, *, repair: bool) -> ParsedDocument:
    decoded, findings = decode(data, repair=repair)
    clean = normalise(decoded.replace("\0", " "))
    underlined = tuple(
        Heading(1 if match[2][0] == "=" else 2, squeeze(match[1]), match.start())
        for match in _SETEXT.finditer(clean.text)
        if abs(len(match[1].strip()) - len(match[2])) <= 1
    )
    title = underlined[0].title if underlined else ""
    return ParsedDocument(
        "text", clean.text, title[:300], underlined, findings=(*findings, *clean.findings), hidden=clean.hidden
    )


def titled(document: ParsedDocument, name: str) -> ParsedDocument:
    """The document, with the file name as its title if it has none."""
    if document.title:
        return document
    return replace(document, title=PurePosixPath(name.replace("\\", "/")).stem[:300])


def _without_front_matter(text: str) -> tuple[str, dict[str, str]]:
    match = _FRONT.match(text)
    if not match:
        return text, {}
    metadata = {key.strip().lower(): value.strip("\"' ")[:1000] for key, value in _FIELD.findall(match[1])}
    return text[match.end() :], metadata


def _without_hidden(text: str) -> tuple[str, str, int]:
    """The text without comments and hidden elements, their content, and the number of hidden elements."""
    visible: list[str] = []
    hidden: list[str] = []
    count, position = 0, 0
    for span in [*_fences(text), (len(text), len(text))]:
        piece = text[position : span[0]]
        hidden += _COMMENT.findall(piece)
        piece = _COMMENT.sub("", piece)
        piece, elements = without_hidden_elements(piece)
        hidden += elements
        count += len(elements)
        visible += [piece, text[span[0] : span[1]]]
        position = span[1]
    return "".join(visible), "\n".join(hidden), count


def _title(line: str) -> str:
    """Without closing # signs, unless the line has nothing else."""
    return line.rstrip(" \t").rstrip("#").rstrip(" \t") or line


def _fences(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _FENCED.finditer(text)]


def _headings(text: str) -> Iterator[Heading]:
    fences = iter([*_fences(text), (len(text), len(text) + 1)])
    matches = [
        (m.start(), len(m[1]), _title(m[2])) for m in _ATX.finditer(text) if len(m[2]) <= _MAX_HEADING_CHARACTERS
    ]
    matches += [(m.start(), 1 if m[2][0] == "=" else 2, m[1]) for m in _SETEXT.finditer(text)]
    start, end = next(fences)
    for position, level, title in sorted(matches):
        while position >= end:
            start, end = next(fences)
        if position < start and (plain := squeeze(_MARKUP.sub(r"\1", title))):
            yield Heading(level, plain, position)
