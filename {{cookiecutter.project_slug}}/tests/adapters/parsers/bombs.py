"""Files that are small but expensive or dangerous to parse."""

import io
import zipfile
import zlib
from collections.abc import Callable


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
    ("program.exe", lambda: b"MZ" + bytes(100), {"wrong_type"}),
    ("notes.xyz", lambda: b"hello there", {"type_unsupported"}),
]
