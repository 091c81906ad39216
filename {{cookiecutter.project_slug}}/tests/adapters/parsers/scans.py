"""Scans: pages and pictures of text, without a letter that a program could read."""

import struct
import zlib
from io import BytesIO

import pypdfium2
import pytest
from reportlab.pdfgen import canvas

from app.adapters.parsers.ocr import tesseract
from tests.adapters.parsers.made_pdf import stream

needs_tesseract = pytest.mark.skipif(tesseract("") is None, reason="there is no package of Tesseract for this platform")
_DPI = 200


def pixels(*lines: str, width: int = 595, height: int = 842) -> tuple[int, int, bytes]:
    """A page with these lines in grey: its width and height in pixels, and the rows of a byte a pixel."""
    file = BytesIO()
    page = canvas.Canvas(file, (width, height))
    page.setFont("Times-Roman", 14)
    for number, line in enumerate(lines):
        page.drawString(50, height - 60 - 24 * number, line)
    page.save()
    with pypdfium2.PdfDocument(file.getvalue()) as document:
        bitmap = document[0].render(scale=_DPI / 72, grayscale=True)
        rows = bytes(bitmap.buffer)
        return (
            bitmap.width,
            bitmap.height,
            b"".join(rows[row * bitmap.stride : row * bitmap.stride + bitmap.width] for row in range(bitmap.height)),
        )


def scanned(*lines: str) -> bytes:
    """The image object of a scanned page."""
    width, height, rows = pixels(*lines)
    keys = f"/Width {width} /Height {height} /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
    return stream(zlib.compress(rows), f"/Type /XObject /Subtype /Image {keys}")


def png(*lines: str) -> bytes:
    width, height, rows = pixels(*lines)
    data = b"".join(b"\0" + rows[row * width : (row + 1) * width] for row in range(height))
    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(data), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks.items())


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def tiff(*lines: str) -> bytes:
    width, height, rows = pixels(*lines)
    start = 8 + 2 + 12 * 9 + 4
    fields = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: start, 277: 1, 278: height, 279: len(rows)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items())
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + struct.pack("<I", 0) + rows
