"""Which document a ZIP archive or an OLE file holds."""

import zipfile
import zlib
from io import BytesIO

from app.adapters.parsers.archive import check_archive, open_names
from app.adapters.parsers.content_types import CONTENT_TYPES, default_kind, office_kind
from app.ingestion.domain.parsed_document import Unparsable

_KINDS = {"word": "docx", "sheet": "xlsx", "presentation": "pptx"}
_MIME_TYPES = {
    b"application/epub+zip": "epub",
    b"application/vnd.oasis.opendocument.text": "odt",
    b"application/vnd.oasis.opendocument.spreadsheet": "ods",
    b"application/vnd.oasis.opendocument.presentation": "odp",
}
_BINARY_WORKBOOK = "xl/workbook.bin"
_MAX_HEAD = 1_000_000
_APPLE = ("Index/Document.iwa", "Index.zip", "index.xml", "index.apxl")
_OLE = (
    ("EncryptedPackage", "encrypted", "The document is protected by a password."),
    ("__nameid_version1.0", "type_unsupported", "The file is an Outlook message (.msg); save it as EML."),
    ("WordDocument", "type_unsupported", "The file is an old Word document (.doc); save it as DOCX."),
    ("PowerPoint Document", "type_unsupported", "The file is an old presentation (.ppt); save it as PPTX."),
    ("VisioDocument", "type_unsupported", "The file is a Visio drawing; save it as PDF."),
)
_WORKBOOKS = tuple(f"{name}\0".encode("utf-16-le") for name in ("Workbook", "Book"))


def kind_of_archive(data: bytes, named: str | None) -> str:
    """The kind of document that a ZIP archive holds. Errors: Unparsable, naming what it is instead."""
    names = open_names(data)
    kinds = {*_by_content_types(data, names), *_by_mime_type(data)}
    if len(kinds) > 1:
        raise Unparsable("polyglot", f"The file is a document of two types at once: {' and '.join(sorted(kinds))}.")
    if kinds:
        return kinds.pop()
    check_archive(data)
    if default_kind(_head(data, CONTENT_TYPES)) == "word":
        return "docx"
    if any(name in names for name in _APPLE) and named is None:
        detail = "The file is an Apple Pages, Numbers or Keynote document; export it as PDF, DOCX, XLSX or PPTX."
        raise Unparsable("type_unsupported", detail)
    if named is not None:
        raise Unparsable("wrong_type", "The file is an archive, whatever its name says.")
    raise Unparsable("archive_unsupported", f"The file is an archive of {len(names):,} entries, not a document.")


def _by_content_types(data: bytes, names: list[str]) -> set[str]:
    if found := office_kind(_head(data, CONTENT_TYPES), names):
        return {_KINDS[found[0]]}
    return {"xls"} if _BINARY_WORKBOOK in names else set()


def _by_mime_type(data: bytes) -> set[str]:
    declared = _head(data, "mimetype").strip().removesuffix(b"-template")
    return {_MIME_TYPES[declared]} if declared in _MIME_TYPES else set()


def _head(data: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive, archive.open(name) as entry:
            return entry.read(_MAX_HEAD)
    except (KeyError, RuntimeError, NotImplementedError, EOFError, zipfile.BadZipFile, zlib.error):
        return b""


def kind_of_ole(data: bytes, named: str | None) -> str:
    """`xls` for an old workbook. Errors: Unparsable, naming what the file is and what helps."""
    is_workbook = any(name in data for name in _WORKBOOKS)
    for name, code, detail in _OLE:
        if name.encode("utf-16-le") in data and not (is_workbook and named == "xls" and code != "encrypted"):
            raise Unparsable(code, detail)
    if is_workbook:
        return "xls"
    code = "encrypted" if named in ("docx", "xlsx", "pptx") else "type_unsupported"
    raise Unparsable(code, "The file is an old or a password-protected Office document.")
