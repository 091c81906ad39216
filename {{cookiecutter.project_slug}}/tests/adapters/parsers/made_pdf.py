"""PDF files of one page, written by hand."""

from collections.abc import Sequence

from tests.adapters.parsers.bombs import pdf

FIRST_OBJECT = 6
"""The number of the first of the objects that a test adds."""


def page_of(
    content: str, *objects: bytes | str, resources: str = "", keys: str = "", catalog: str = "", font: str = ""
) -> bytes:
    """A page of 600 by 800 points with the font /F1. font: the keys of that font; others than Helvetica's."""
    font = font or "/Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding"
    return pdf(
        [
            _bytes(f"<< /Type /Catalog /Pages 2 0 R {catalog} >>"),
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            _bytes(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
                f"/Resources << /Font << /F1 5 0 R >> {resources} >> {keys} >>"
            ),
            stream(content),
            _bytes(f"<< /Type /Font {font} >>"),
            *(_bytes(each) for each in objects),
        ]
    )


def pages_of(contents: Sequence[str], image: bytes, box: str = "0 0 600 800") -> bytes:
    """A page for each content, with the font /F1 and the image /Scan."""
    kids = " ".join(f"{number} 0 R" for number in range(5, 5 + 2 * len(contents), 2))
    objects: list[bytes] = []
    for number, content in enumerate(contents):
        keys = f"/MediaBox [{box}] /Contents {6 + 2 * number} 0 R"
        resources = "/Resources << /Font << /F1 3 0 R >> /XObject << /Scan 4 0 R >> >>"
        objects += (_bytes(f"<< /Type /Page /Parent 2 0 R {keys} {resources} >>"), stream(content))
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            _bytes(f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>"),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            image,
            *objects,
        ]
    )


def stream(content: str | bytes, keys: str = "") -> bytes:
    data = _bytes(content)
    return _bytes(f"<< /Length {len(data)} {keys} >>\nstream\n") + data + b"\nendstream"


def picture(pixels: bytes = bytes(range(64)), keys: str = "") -> bytes:
    """A grey image, eight pixels wide."""
    height = len(pixels) // 8
    return stream(
        pixels,
        f"/Type /XObject /Subtype /Image /Width 8 /Height {height} /ColorSpace /DeviceGray /BitsPerComponent 8 {keys}",
    )


def line(text: str, x: float = 60, y: float = 700, before: str = "") -> str:
    return f"BT /F1 12 Tf {before} 1 0 0 1 {x} {y} Tm ({text}) Tj ET"


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
