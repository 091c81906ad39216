"""File type detection by content and by name. A file whose content and name disagree is rejected."""

import re
from pathlib import PurePosixPath

from app.adapters.parsers.archive import EXTERNAL
from app.adapters.parsers.containers import kind_of_archive, kind_of_ole
from app.adapters.parsers.file_format import format_of
from app.adapters.parsers.ocr import engine
from app.ingestion.domain.parsed_document import Unparsable

ENDINGS = {
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
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), "xlsx"),
    **dict.fromkeys((".xls", ".xlt", ".xlsb"), "xls"),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), "pptx"),
    **dict.fromkeys((".odt", ".ott"), "odt"),
    **dict.fromkeys((".ods", ".ots"), "ods"),
    **dict.fromkeys((".odp", ".otp"), "odp"),
    ".epub": "epub",
    ".rtf": "rtf",
    ".eml": "eml",
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
    (b"%!PS", "a PostScript document"),
    (b"SQLite format 3", "a database"),
    (b"BM", "a bitmap image"),
    (b"OggS", "an audio or video file"),
    (b"ID3", "an audio file"),
    (b"fLaC", "an audio file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\x00\x00\x01\xba", "a video"),
    (b"AT&TFORM", "a DjVu document"),
    (b"\x78\x9f\x3e\x22", "a winmail.dat of Outlook (ask the sender for the message as HTML or plain text)"),
)
_MEDIA = re.compile(rb"....ftyp(?P<image>heic|heif|mif1|avif)?|RIFF....(?:WAVE|AVI |(?P<webp>WEBP))", re.DOTALL)
_RTF = b"{\\rtf"
_MAIL = re.compile(
    rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*){0,200}?"
    rb"(?:from|date|received|message-id|mime-version|return-path|subject):",
    re.IGNORECASE,
)
_MAIL_LINE = re.compile(rb"(?:From [^\n]*\n)?[!-9;-~]+:")
_OF_CONTENT = frozenset({"pdf", "docx", "xlsx", "xls", "pptx", "odt", "ods", "odp", "epub", "rtf"})
_IMAGE_ADVICE = "; install text recognition (make env-ocr) for PNG, JPEG and TIFF, or upload its text"
_UNREAD = {
    **dict.fromkeys((".doc", ".dot", ".wps"), "an old Word document; save it as DOCX"),
    **dict.fromkeys((".ppt", ".pps"), "an old presentation; save it as PPTX"),
    **dict.fromkeys((".docm", ".dotx", ".dotm"), "a Word template or a document with macros; save it as DOCX"),
    **dict.fromkeys((".msg", ".pst", ".oft"), "Outlook data; save the messages as EML"),
    **dict.fromkeys((".mbox", ".mht", ".mhtml"), "a collection of messages or a web archive; save each as EML or HTML"),
    **dict.fromkeys((".pages", ".numbers", ".key"), "an Apple document; export it as PDF, DOCX, XLSX or PPTX"),
    **dict.fromkeys((".mobi", ".azw", ".azw3", ".fb2"), "an e-book of another kind; convert it to EPUB"),
    **dict.fromkeys(
        (".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".bmp", ".webp", ".heic", ".svg"),
        f"an image{_IMAGE_ADVICE}",
    ),
    **dict.fromkeys((".mp3", ".wav", ".m4a", ".ogg", ".flac"), "audio, of which a transcript can be uploaded"),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm"), "a video, of which a transcript can be uploaded"),
}
_PICTURE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
_PICTURE = (b"\x89PNG", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*")
_ARCHIVES = frozenset({"a RAR archive", "a 7z archive", "a gzip archive", "a bzip2 archive", "an xz archive"})
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BEFORE_HTML = re.compile(rb"\s+|<!--.*?-->", re.DOTALL)
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_SCRIPT = re.compile(rb"<script\b", re.IGNORECASE)
_XML = re.compile(rb"\s*<(?:\?xml|!DOCTYPE(?!\s+html))", re.IGNORECASE)
_ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)


def kind_of(data: bytes, name: str) -> str:
    """One of `KINDS`, or of the team's own formats, by its ending alone. Errors: Unparsable, naming the actual type."""
    if not data.strip(b"\x00\t\n\r \xef\xbb\xbf\xff\xfe"):
        raise Unparsable("empty_file", "The file is empty.")
    ending = PurePosixPath(name).suffix.lower()
    if extension := format_of(ending):
        return extension.kind
    named = ENDINGS.get(ending)
    if b"%PDF-" in data[:1024] and (other := _beside_pdf(data)):
        raise Unparsable("polyglot", f"The file is a PDF and {other} at once.")
    if ending in _PICTURE_ENDINGS and data.startswith(_PICTURE) and engine():
        return _without_appendix(data, "image")
    detected = _by_content(data, named)
    if detected in _OF_CONTENT and named != detected:
        raise Unparsable("wrong_type", f"The file is {detected.upper()}, but its name ends in '{ending}'.")
    if detected in _OF_CONTENT:
        return detected
    if named is None and ending:
        what = f"The file is {_UNREAD[ending]}." if ending in _UNREAD else ""
        raise Unparsable("type_unsupported", what or f"Files ending in '{ending[:12]}' are not supported.")
    if named in _OF_CONTENT:
        raise Unparsable("wrong_type", f"The name says {named.upper()}, but the content is not.")
    if named == "eml" and not is_mail(data):
        raise Unparsable("wrong_type", "The name says EML, but the file has no header of a message.")
    if detected == "html" and named not in ("html", "markdown", "eml"):
        raise Unparsable("wrong_type", f"The file is HTML, but its name ends in '{ending}'.")
    return named or "text"


def is_mail(data: bytes) -> bool:
    """Whether the file begins with the header of a message (RFC 5322)."""
    head = data[:64_000].replace(b"\r\n", b"\n").lstrip(b"\xef\xbb\xbf\n")
    if not _MAIL_LINE.match(head):
        return False
    return _MAIL.match(head.partition(b"\n")[2] if head.startswith(b"From ") else head) is not None


def may_be_scanned(name: str) -> bool:
    """Whether a file of this name may be pictures of pages."""
    ending = PurePosixPath(name).suffix.lower()
    return ending == ".pdf" or ending in _PICTURE_ENDINGS


def is_plain_page(data: bytes, name: str) -> bool:
    """Whether this is a page of plain text, which is parsed in little time and memory whatever its content.

    Not a text that begins with punctuation, which may be markup, nor one with control characters.
    """
    if len(data) > _PAGE or ENDINGS.get(PurePosixPath(name).suffix.lower()) != "text":
        return False
    return data[:1].isalnum() and not _UNPRINTABLE.search(data)


def _by_content(data: bytes, named: str | None) -> str:
    if b"%PDF-" in data[:1024] and named not in _TEXTUAL:
        return "pdf"
    if data.startswith(b"%PDF-"):
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _without_appendix(data, kind_of_archive(data, named))
    if data.startswith(_RTF):
        return _without_appendix(data, "rtf")
    if data.startswith(_OLE):
        return kind_of_ole(data, named)
    for magic, what in _BINARIES:
        if data.startswith(magic) and (len(magic) > 3 or not _is_text(data)):
            raise _unread(what, named)
    if media := _MEDIA.match(data):
        raise _unread("an image" if media["image"] or media["webp"] else "audio or video", named)
    if _begins_html(data[:4096]):
        return "html"
    if _XML.match(data[:1024]) and named not in ("html", "markdown"):
        if EXTERNAL.search(data):
            raise Unparsable("external_entity", "The XML refers to external content.")
        if _ENTITY.search(data):
            raise Unparsable("xml_entities", "The XML declares entities, which can expand without limit.")
        raise Unparsable("xml_unsupported", "The file is XML of a kind that is not supported.")
    return "text"


def _unread(what: str, named: str | None) -> Unparsable:
    if named:
        return Unparsable("wrong_type", f"The file is {what}.")
    if what.endswith("image"):
        return Unparsable("type_unsupported", f"The file is {what}{_IMAGE_ADVICE}.")
    code = "archive_unsupported" if what in _ARCHIVES else "type_unsupported"
    return Unparsable(code, f"The file is {what}, which is not read.")


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


def _without_appendix(data: bytes, kind: str) -> str:
    """The kind, when nothing that another program would open comes after the document. Errors: Unparsable."""
    end = data.rfind(b"}") if kind == "rtf" else data.rfind(b"PK\x05\x06") + 22
    after = data[end:]
    if _HTML.search(after) or _SCRIPT.search(after) or (kind in ("rtf", "image") and _is_archive(data)):
        raise Unparsable("polyglot", f"The file is {kind.upper()} and something else at once.")
    return kind


def _is_text(data: bytes) -> bool:
    sample = data[:1024]
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in sample)
