"""File type detection by content and by name. A file whose content and name disagree is rejected."""

import re
from pathlib import PurePosixPath

from app.adapters.parsers.archive import EXTERNAL, check_archive, open_names
from app.adapters.parsers.docx.package import is_word_package
from app.ingestion.domain.parsed_document import Unparsable

_ENDINGS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".log": "text",
    ".rst": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_PAGE = 8_000
_UNPRINTABLE = re.compile(rb"[^\n\r\t -~\x80-\xff]")
_TEXTUAL = frozenset({"markdown", "text", "csv", "jsonl"})
_BINARIES = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript document"),
    (b"SQLite format 3", "a database"),
    (b"OggS", "a media file"),
    (b"ID3", "a media file"),
)
_ARCHIVES = frozenset({"a RAR archive", "a 7z archive", "a gzip archive", "a bzip2 archive", "an xz archive"})
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BEFORE_HTML = re.compile(rb"\s+|<!--.*?-->", re.DOTALL)
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_SCRIPT = re.compile(rb"<script\b", re.IGNORECASE)
_XML = re.compile(rb"\s*<(?:\?xml|!DOCTYPE(?!\s+html))", re.IGNORECASE)
_ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)


def kind_of(data: bytes, name: str) -> str:
    """One of `KINDS`. Errors: Unparsable, naming the actual type."""
    if not data.strip(b"\x00\t\n\r \xef\xbb\xbf\xff\xfe"):
        raise Unparsable("empty_file", "The file is empty.")
    ending = PurePosixPath(name).suffix.lower()
    named = _ENDINGS.get(ending)
    if b"%PDF-" in data[:1024] and (other := _beside_pdf(data)):
        raise Unparsable("polyglot", f"The file is a PDF and {other} at once.")
    detected = _by_content(data, named)
    if detected in ("pdf", "docx") and named != detected:
        raise Unparsable("wrong_type", f"The file is {detected.upper()}, but its name ends in '{ending}'.")
    if detected in ("pdf", "docx"):
        return detected
    if named is None and ending:
        raise Unparsable("type_unsupported", f"Files ending in '{ending[:12]}' are not supported.")
    if named in ("pdf", "docx"):
        raise Unparsable("wrong_type", f"The name says {named.upper()}, but the content is not.")
    if detected == "html" and named not in ("html", "markdown"):
        raise Unparsable("wrong_type", f"The file is HTML, but its name ends in '{ending}'.")
    return named or "text"


def is_plain_page(data: bytes, name: str) -> bool:
    """Whether this is a page of plain text, which is parsed in little time and memory whatever its content.

    Not a text that begins with punctuation, which may be markup, nor one with control characters.
    """
    if len(data) > _PAGE or _ENDINGS.get(PurePosixPath(name).suffix.lower()) != "text":
        return False
    return data[:1].isalnum() and not _UNPRINTABLE.search(data)


def _by_content(data: bytes, named: str | None) -> str:
    if b"%PDF-" in data[:1024] and named not in _TEXTUAL:
        return "pdf"
    if data.startswith(b"%PDF-"):
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(data, named)
    if data.startswith(_OLE):
        raise Unparsable("encrypted" if named == "docx" else "type_unsupported", _OLE_DETAIL)
    for magic, what in _BINARIES:
        if data.startswith(magic) and (len(magic) > 3 or not _is_text(data)):
            code = "archive_unsupported" if what in _ARCHIVES and named is None else "wrong_type"
            raise Unparsable(code, f"The file is {what}.")
    if _begins_html(data[:4096]):
        return "html"
    if _XML.match(data[:1024]) and named not in ("html", "markdown"):
        if EXTERNAL.search(data):
            raise Unparsable("external_entity", "The XML refers to external content.")
        if _ENTITY.search(data):
            raise Unparsable("xml_entities", "The XML declares entities, which can expand without limit.")
        raise Unparsable("xml_unsupported", "The file is XML of a kind that is not supported.")
    return "text"


def _beside_pdf(data: bytes) -> str | None:
    """The other type that a PDF is too, by what stands before and after it."""
    before, after = data[: data.find(b"%PDF-")], data[data.rfind(b"%%EOF") :]
    if before.startswith(b"PK\x03\x04") or _is_archive(data):
        return "a ZIP archive"
    if _HTML.search(before) or _HTML.search(after) or _SCRIPT.search(before) or _SCRIPT.search(after):
        return "an HTML page"
    return next((what for magic, what in _BINARIES if before.startswith(magic)), None)


def _is_archive(data: bytes) -> bool:
    """Whether the end record of a ZIP archive, with its comment, is the end of the file."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - 66_000))
    return 0 <= at <= len(data) - 22 and at + 22 + int.from_bytes(data[at + 20 : at + 22], "little") == len(data)


def _begins_html(head: bytes) -> bool:
    """Skip white space and comments one by one, in linear time: a single expression for all of them would backtrack."""
    at = 0
    while skipped := _BEFORE_HTML.match(head, at):
        at = skipped.end()
    return _HTML.match(head, at) is not None


_OLE_DETAIL = "The file is an old or a password-protected Office document."


def _zip(data: bytes, named: str | None) -> str:
    names = open_names(data)
    if "word/document.xml" in names:
        return "docx"
    check_archive(data)
    if is_word_package(data):
        return "docx"
    if named is not None:
        raise Unparsable("wrong_type", "The file is an archive, whatever its name says.")
    raise Unparsable("archive_unsupported", f"The file is an archive of {len(names):,} entries, not a document.")


def _is_text(data: bytes) -> bool:
    sample = data[:1024]
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in sample)
