"""Where the attachments of a message stand: each is a document of its own, below the address of its message."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from app.core.text import clean
from app.ingestion.domain.documents import Upload
from app.ingestion.domain.parsed_document import ParsedDocument
from app.safety.domain.text import Finding

MARK = "#attachments/"
"""Stands between the address of a message and the number and name of an attachment."""
MAX_DEPTH = 3
MAX_ADDRESS = 500
"""Of the outermost message: the addresses of its attachments are longer by their names."""
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\%#:]+|\.{2,}")
_MAX_NAME = 100


def message_address(uri: str) -> str:
    """The address of the outermost message that the document at this address came with; else the address itself."""
    return uri.partition(MARK)[0]


def attached_files(parsed: ParsedDocument, uri: str) -> list[Upload]:
    """The attachments of the message at this address, with safe names and an address for each."""
    names = [_safe_name(each.name) for each in parsed.attachments]
    return [
        Upload(name, each.data, f"{uri}{MARK}{number}-{name}")
        for number, (name, each) in enumerate(zip(names, parsed.attachments, strict=True), 1)
    ]


def within_limits(parsed: ParsedDocument, uri: str) -> ParsedDocument:
    """Without attachments where the message is nested too deeply in others, or its address is too long to stand in
    theirs; a finding says so.
    """
    if not parsed.attachments or (uri.count(MARK) < MAX_DEPTH and len(message_address(uri)) <= MAX_ADDRESS):
        return parsed
    detail = (
        f"attachments of messages more than {MAX_DEPTH} levels deep, or at an address of more than {MAX_ADDRESS} "
        "characters, were left out"
    )
    finding = Finding("attachments_left_out", detail, len(parsed.attachments))
    return replace(parsed, attachments=(), findings=(*parsed.findings, finding))


def is_below(uri: str, addresses: Iterable[str]) -> bool:
    """Whether the document is at one of these addresses, or came with the message at one of them."""
    return any(uri == address or uri.startswith(address + MARK) for address in addresses)


def _safe_name(name: str) -> str:
    last = PurePosixPath(clean(name).replace("\\", "/")).name
    path = PurePosixPath(_UNSAFE.sub("_", last).strip(". "))
    suffix = path.suffix[:20]
    return f"{path.stem[: _MAX_NAME - len(suffix)].strip() or 'attachment'}{suffix}"
