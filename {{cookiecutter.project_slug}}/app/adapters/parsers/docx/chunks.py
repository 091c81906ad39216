"""Files of other kinds that stand in a DOCX as a part of its text (`w:altChunk`): Word shows them at that place."""

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import PurePosixPath

from app.adapters.parsers.html import read_html
from app.adapters.parsers.plain import parse_text
from app.adapters.parsers.word_loss import Places
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable

MAX_CHUNKS, MAX_DEPTH = 50, 3
_PAGE = re.compile(rb"<(?:!doctype html|html|head|body|p|div|table|span|h[1-6]|ul|ol)\b", re.IGNORECASE)
_ARCHIVED_PAGE = re.compile(rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*){0,20}?mime-version:", re.IGNORECASE)

Read = tuple[ParsedDocument, Places]
"""A file, and its text as it can be counted apart from that."""


def read_chunk(data: bytes, name: str, read_word: Callable[[bytes], Read]) -> Read | None:
    """A page, a saved page, a rich text, a plain text or a Word document; None for what is none of them, or cannot be
    read.
    """
    try:
        return _read(data, name, read_word)
    except Unparsable:
        return None


def _read(data: bytes, name: str, read_word: Callable[[bytes], Read]) -> Read | None:
    if data.startswith(b"{\\rtf"):
        from app.adapters.parsers.rtf import read_rtf

        return read_rtf(data)
    if data.startswith(b"PK\x03\x04"):
        return read_word(data)
    if _ARCHIVED_PAGE.match(data[:8_000].replace(b"\r\n", b"\n")):
        page = _archived_page(data)
        return read_html(page, repair=True) if page is not None else None
    if _PAGE.search(data[:8_000].replace(b"\0", b"")):
        return read_html(data, repair=True)
    if PurePosixPath(name).suffix.lower() == ".txt":
        document = parse_text(data, repair=True)
        return document, lambda: [("embedded document", document.text)]
    return None


def _archived_page(data: bytes) -> bytes | None:
    """The page of a web archive (MHTML), in UTF-8."""
    for part in message_from_bytes(data, policy=policy.default).walk():
        payload = part.get_payload(decode=True)
        if part.get_content_type() == "text/html" and isinstance(payload, bytes):
            charset = part.get_content_charset()
            try:
                return payload if charset is None else b"\xef\xbb\xbf" + payload.decode(charset, "replace").encode()
            except (LookupError, ValueError):  # no such charset, or one that is none for a page
                return payload
    return None


def words_of_chunk(read: Read | None, data: bytes) -> Iterator[tuple[str, str]]:
    """All text of the file with its place; of one that cannot be read, the words between its marks."""
    if read is not None:
        yield from (("embedded document", text) for _, text in read[1]())
    elif data.startswith(b"{\\rtf"):
        from app.adapters.parsers.rtf import rtf_words

        yield from (("embedded document", text) for _, text in rtf_words(data))
