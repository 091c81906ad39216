"""Plain text: the stored text is the file itself, so that offsets refer to the author's text."""

import re
from dataclasses import replace
from pathlib import PurePosixPath

from app.adapters.parsers.builder import squeeze
from app.adapters.parsers.decoding import decode
from app.ingestion.domain.parsed_document import ParsedDocument
from app.retrieval.domain.chunking import Heading
from app.safety.domain.text import normalise

_SETEXT = re.compile(r"^[ ]{0,3}([^\s|>*+\-][^\n]{0,200})\n[ ]{0,3}(=+|-{3,})[ \t]*$", re.MULTILINE)


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
