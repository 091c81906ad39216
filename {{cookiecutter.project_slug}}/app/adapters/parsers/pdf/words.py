"""The text of a PDF as another program reads it (PDFium): only to see what the parser lost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from unicodedata import normalize

import pypdfium2

_HYPHEN_AT_LINE_END = "\ufffe"


def independent_pages(data: bytes) -> Iterator[str]:
    """The text of each page; nothing from the first page on that PDFium cannot read."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError:
        return
    try:
        for number in range(len(document)):
            page = document[number]
            text = page.get_textpage()
            yield text.get_text_range().replace(_HYPHEN_AT_LINE_END, "")
            text.close()
            page.close()
    except pypdfium2.PdfiumError:
        return
    finally:
        document.close()


def places(data: bytes, pages: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """What the document should contain, page by page. pages: the text that the parser read on each, and what it left
    out because it is drawn twice.

    Where all letters were read, the words are those of the parser: programs part words in different ways.
    """
    for number, ((own, again), other) in enumerate(zip(pages, independent_pages(data), strict=False), 1):
        yield f"page {number}", other if _letters(other) - _letters(own + again) else own


def _letters(text: str) -> Counter[str]:
    return Counter(each for each in normalize("NFKC", text).casefold() if each.isalnum())
