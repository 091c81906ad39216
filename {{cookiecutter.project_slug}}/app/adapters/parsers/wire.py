"""How the parser processes are spoken to.

A request is two lengths, a JSON header and the file; a reply is a length and JSON. JSON and not pickle: what comes
out of a process that has read a hostile file is data and never code.
"""

import struct
from typing import Any

from app.ingestion.domain.parsed import ParsedDocument
from app.retrieval.domain.chunking import Heading
from app.safety.domain.text import Finding

REQUEST = struct.Struct(">II")
REPLY = struct.Struct(">Q")


def encoded(document: ParsedDocument) -> dict[str, Any]:
    return {
        "kind": document.kind,
        "text": document.text,
        "title": document.title,
        "headings": [[h.level, h.title, h.start] for h in document.headings],
        "metadata": dict(document.metadata),
        "findings": [[f.rule, f.detail, f.count, f.start] for f in document.findings],
        "hidden": document.hidden,
    }


def decoded(reply: dict[str, Any]) -> ParsedDocument:
    return ParsedDocument(
        kind=reply["kind"],
        text=reply["text"],
        title=reply["title"],
        headings=tuple(Heading(*heading) for heading in reply["headings"]),
        metadata=reply["metadata"],
        findings=tuple(Finding(*finding) for finding in reply["findings"]),
        hidden=reply["hidden"],
    )
