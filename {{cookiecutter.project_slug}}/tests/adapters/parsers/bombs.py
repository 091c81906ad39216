"""Files that are small but expensive or dangerous to parse."""

import io
import zipfile
import zlib
from collections.abc import Callable

from tests.adapters.parsers import office_files as files


def pdf(objects: list[bytes], root: int = 1) -> bytes:
    """A PDF of any objects, with a correct cross-reference table."""
    body, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    table += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, root, len(body))
    return body + table + trailer


def page(content: bytes, extra: bytes = b"") -> bytes:
    """A one-page PDF that shows a content stream."""
    stream = b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), extra, content)
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>",
            stream,
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
    )


def flate_bomb() -> bytes:
    return page(zlib.compress(b"0 g " * 50_000_000, 9), b"/Filter /FlateDecode")


def page_loop() -> bytes:
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"])


def encrypted_pdf() -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(page(b"BT /F1 12 Tf 72 720 Td (secret) Tj ET"))))
    writer.encrypt("password", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def many_entries() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5_000):
            archive.writestr(f"word/part{number}.xml", "x")
        archive.writestr("word/document.xml", "<x/>")
    return out.getvalue()


def slipping_docx() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../etc/cron.d/x", "x")
        archive.writestr("word/document.xml", "<x/>")
    return out.getvalue()


LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
_WORD = "<text:p>&b;</text:p>"


def nested_parts(levels: int) -> bytes:
    """A message of parts in parts."""
    parts = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(levels))
    return b"From: a@example.org\nSubject: x\n" + parts + b"\n\nThe lamp."


def two_documents() -> bytes:
    """A workbook that is an e-book too."""
    out = io.BytesIO(files.xlsx(files.text_cells(["The lamp."])))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    return out.getvalue()


Bomb = tuple[str, Callable[[], bytes], set[str]]

BOMBS: list[Bomb] = [
    ("flate_bomb.pdf", flate_bomb, {"decompression_bomb"}),
    ("page_loop.pdf", page_loop, {"unreadable", "nested_too_deep", "no_text"}),
    ("encrypted.pdf", encrypted_pdf, {"encrypted"}),
    ("many_entries.docx", many_entries, {"archive_bomb"}),
    ("slipping.docx", slipping_docx, {"archive_unsafe_path"}),
    ("deep.html", lambda: b"<div>" * 100_000 + b"x", {"parser_timeout", "nested_too_deep"}),
    ("deep.jsonl", lambda: b"[" * 1_000_000, {"nested_too_deep"}),
    ("deep_but_parsable.jsonl", lambda: b'{"a":' * 90 + b"1" + b"}" * 90, {"nested_too_deep"}),
    ("picture.txt", lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), {"wrong_type"}),
    ("word.pdf", lambda: b"PK\x03\x04" + bytes(100), {"unreadable"}),
    ("page.txt", lambda: b"<!DOCTYPE html><html><body>x</body></html>", {"wrong_type"}),
    ("old.docx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), {"encrypted"}),
    ("feed.xml", lambda: b"<?xml version='1.0'?><rss/>", {"xml_unsupported"}),
    ("program.exe", lambda: b"MZ" + bytes(100), {"type_unsupported"}),
    ("notes.xyz", lambda: b"hello there", {"type_unsupported"}),
    ("bomb.xlsx", lambda: files.xlsx(" " * 9_000_000), {"archive_bomb"}),
    ("bomb.pptx", lambda: files.pptx(" " * 9_000_000), {"archive_bomb"}),
    ("bomb.odt", lambda: files.open_document("text", " " * 9_000_000), {"archive_bomb"}),
    ("bomb.epub", lambda: files.epub({"a.xhtml": " " * 9_000_000}), {"archive_bomb"}),
    ("laughs.xlsx", lambda: files.xlsx("", prolog=LAUGHS), {"xml_entities"}),
    (
        "laughs_in_strings.xlsx",
        lambda: files.xlsx("", strings=f"{LAUGHS}<sst><si><t>&b;</t></si></sst>"),
        {"xml_entities"},
    ),
    ("laughs.pptx", lambda: files.pptx(files.shape("&b;"), prolog=LAUGHS), {"xml_entities"}),
    ("laughs.odt", lambda: files.open_document("text", _WORD, prolog=LAUGHS), {"xml_entities"}),
    (
        "laughs.ods",
        lambda: files.open_document("spreadsheet", "<table:table><table:table-row/></table:table>", prolog=LAUGHS),
        {"xml_entities"},
    ),
    ("laughs.epub", lambda: files.epub({"a.xhtml": "x"}, prolog=LAUGHS), {"xml_entities"}),
    ("outside.xlsx", lambda: files.xlsx("", prolog=OUTSIDE), {"external_entity"}),
    ("outside.pptx", lambda: files.pptx(files.shape("&b;"), prolog=OUTSIDE), {"external_entity"}),
    ("outside.odp", lambda: files.open_document("presentation", _WORD, prolog=OUTSIDE), {"external_entity"}),
    ("outside.epub", lambda: files.epub({"a.xhtml": "x"}, prolog=OUTSIDE), {"external_entity"}),
    ("too_wide.xlsx", lambda: files.xlsx('<row><c r="ZZZ1"><v>1</v></c></row>'), {"unreadable"}),
    (
        "deep.odt",
        lambda: files.open_document("text", "<text:section>" * 5_000 + "</text:section>" * 5_000),
        {"nested_too_deep"},
    ),
    ("deep.pptx", lambda: files.pptx("<p:grpSp>" * 3_000 + "</p:grpSp>" * 3_000), {"nested_too_deep"}),
    ("deep.rtf", lambda: b"{\\rtf1" + b"{" * 9_000, {"nested_too_deep"}),
    ("deep.eml", lambda: nested_parts(3_000), {"nested_too_deep", "parser_timeout"}),
    ("two.xlsx", two_documents, {"polyglot"}),
    ("page_behind.xlsx", lambda: files.xlsx("") + b"<html><script>x()</script>", {"polyglot"}),
    ("archive_behind.rtf", lambda: b"{\\rtf1 The lamp.}" + files.xlsx(""), {"polyglot"}),
    ("broken.xls", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook\0".encode("utf-16-le"), {"unreadable"}),
]
