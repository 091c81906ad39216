"""Pages of a PDF that are pictures of text: read where text recognition is installed, counted where it is not."""

from collections.abc import Iterator
from statistics import fmean

import pypdfium2

from app.adapters.parsers.builder import squeeze
from app.adapters.parsers.ocr import Recognised, engine, recognised_finding
from app.adapters.parsers.pdf.layout import TextLine
from app.ingestion.domain.parsed_document import Unparsable
from app.ingestion.domain.scanned_pages import recognised_by
from app.safety.domain.text import Finding

MAX_PAGES = 50
_DPI = 300
_MAX_PIXELS = 20_000_000
_PICTURE_SHARE = 0.5
# A stamp or the line of a fax on a scan.
_FEW_LETTERS = 80
_SIZE = 10.0


class Scans:
    """Of one file. confidences: of each page that was read. unread: pages without any text that were not."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._document: pypdfium2.PdfDocument | None = None
        self._pages = self.unread = 0
        self.confidences: list[float] = []

    def lines(self, number: int, text: str, pictures: float) -> tuple[TextLine, ...]:
        """What the picture of a page shows beyond its text. number: from 0. pictures: their share of the page."""
        letters = sum(each.isalnum() for each in text)
        if pictures < _PICTURE_SHARE or letters > _FEW_LETTERS:
            return ()
        self._pages += 1
        found = self._recognised(number) if self._pages <= MAX_PAGES else Recognised()
        if not found.readable:
            self.unread += not letters
            return ()
        self.confidences.append(found.confidence)
        return tuple(_new_lines(found, text))

    def findings(self, pages: int) -> Iterator[Finding]:
        """pages: how many the file has."""
        if self.confidences:
            yield recognised_finding(len(self.confidences), fmean(self.confidences))
        if self.unread:
            rule = "mostly_scanned" if 2 * self.unread > pages else "scanned_pages"
            by = f" {recognised_by(program.languages)}" if (program := engine()) else ""
            yield Finding(rule, f"pages that are pictures without text were not read{by}, of {pages}", self.unread)

    def close(self) -> None:
        if self._document is not None:
            self._document.close()

    def _recognised(self, number: int) -> Recognised:
        program = engine()
        if program is None:
            return Recognised()
        try:
            if self._document is None:
                self._document = pypdfium2.PdfDocument(self._data)
            return program.read(_rendered(self._document, number), _DPI)
        except (pypdfium2.PdfiumError, Unparsable, OSError):
            return Recognised()


def _rendered(document: pypdfium2.PdfDocument, number: int) -> bytes:
    """The page in grey, as a PGM file."""
    page = document[number]
    points = max(page.get_width() * page.get_height(), 1)
    bitmap = page.render(scale=min(_DPI / 72, (_MAX_PIXELS / points) ** 0.5), grayscale=True)
    rows = memoryview(bitmap.buffer)
    width, height, stride = bitmap.width, bitmap.height, bitmap.stride
    data = b"".join(rows[row * stride : row * stride + width] for row in range(height))
    bitmap.close()
    page.close()
    return b"P5\n%d %d\n255\n" % (width, height) + data


def _new_lines(found: Recognised, text: str) -> Iterator[TextLine]:
    known = squeeze(text).casefold()
    for paragraph in found.paragraphs:
        fresh = [line for line in paragraph if squeeze(line).casefold() not in known]
        yield from (TextLine(line, _SIZE, starts=not index) for index, line in enumerate(fresh))
