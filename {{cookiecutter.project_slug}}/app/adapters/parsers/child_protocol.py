"""The protocol of the parser processes.

A request is two lengths, a JSON header and the file; a reply is a length and JSON. It is JSON and not pickle, because
the output of a process that has read a hostile file must be data and never code.
"""

import struct
from base64 import b64decode, b64encode
from typing import Any

from app.core.text import clean
from app.ingestion.domain.parsed_document import Attachment, ParsedDocument, WordLoss
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
        "findings": [[f.rule, f.detail, f.count, f.start, f.end] for f in document.findings],
        "hidden": document.hidden,
        "attachments": [[each.name, b64encode(each.data).decode()] for each in document.attachments],
        "loss": [document.loss.found, dict(document.loss.lost)] if document.loss else None,
        "columns": list(document.columns),
    }


def decoded(reply: dict[str, Any]) -> ParsedDocument:
    """The document of a reply, with characters that cannot be stored replaced one by one: offsets stay valid."""
    return ParsedDocument(
        kind=reply["kind"],
        text=clean(reply["text"]),
        title=clean(reply["title"]),
        headings=tuple(Heading(level, clean(title), start) for level, title, start in reply["headings"]),
        metadata={clean(name): clean(value) for name, value in reply["metadata"].items()},
        findings=tuple(Finding(rule, clean(detail), *rest) for rule, detail, *rest in reply["findings"]),
        hidden=clean(reply["hidden"]),
        attachments=tuple(Attachment(clean(name), b64decode(data)) for name, data in reply["attachments"]),
        loss=_loss(*reply["loss"]) if reply["loss"] else None,
        columns=tuple(clean(name) for name in reply["columns"]),
    )


def _loss(found: int, lost: dict[str, int]) -> WordLoss:
    return WordLoss(found, {clean(place): count for place, count in lost.items()})
