from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError
from pypdf.generic import Destination

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.pdf.annotations import read_annotations
from app.adapters.parsers.pdf.downwards import turned_downwards
from app.adapters.parsers.pdf.hyphens import Hyphens
from app.adapters.parsers.pdf.layers import Layers
from app.adapters.parsers.pdf.layout import TextLine, lines_of, overprinted
from app.adapters.parsers.pdf.scans import Scans
from app.adapters.parsers.pdf.text import DAMAGE, Fonts, TextReader
from app.adapters.parsers.pdf.words import places
from app.adapters.parsers.word_loss import with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.safety.domain.text import Finding

MAX_PAGES = 5_000
_MAX_HEADING = 150
_HIDDEN = "text that is not visible to a reader of the page was left out"


def parse_pdf(data: bytes, *, repair: bool) -> ParsedDocument:
    try:
        return _read(data)
    except LimitReachedError as error:
        raise Unparsable("decompression_bomb", "A stream of the file unpacks to more than the limit.") from error
    except DependencyError as error:
        raise Unparsable("encrypted", "The file is encrypted.") from error
    except RecursionError as error:
        raise Unparsable("nested_too_deep", "The file refers to itself, or is nested too deeply.") from error
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, OSError) as error:
        if b"%%EOF" not in data[-2048:]:
            raise Unparsable("truncated", "The file ends before its end mark.") from error
        raise Unparsable("unreadable", f"The file cannot be read ({type(error).__name__}).") from error


def _read(data: bytes) -> ParsedDocument:
    reader = PdfReader(BytesIO(data), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unparsable("encrypted", "The file is protected by a password.")
    if len(reader.pages) > MAX_PAGES:
        raise Unparsable("too_long", f"The file has {len(reader.pages):,} pages; {MAX_PAGES:,} is the limit.")
    builder = TextBuilder()
    outline = dict(_outline(reader))
    with closing(Scans(data)) as scans:
        pages = list(_pages(builder, reader, scans))
    for finding in scans.findings(len(pages)):
        builder.find(finding)
    hyphens = Hyphens("\n".join(line.text for line in page.lines) for page in pages)
    for number, page in enumerate(pages):
        _write(builder, hyphens, page.lines, outline.get(number, ()))
    if damaged := sum(page.damaged for page in pages):
        builder.find(Finding("damaged_pages", "pages that cannot be read were left out", damaged))
    document = builder.build("pdf", *_facts(reader))
    if b"%%EOF" not in data[-2048:] and not document.text:
        raise Unparsable("truncated", "The file ends before its end mark.")
    read = [(hyphens.undo(page.text), page.again) for page in pages]
    return with_word_loss(document, partial(places, data, read))


@dataclass(frozen=True, slots=True)
class _Page:
    """text: with what is hidden. again: what was drawn twice. damaged: it cannot be read."""

    lines: tuple[TextLine, ...] = ()
    text: str = ""
    again: str = ""
    damaged: bool = False


def _pages(builder: TextBuilder, reader: PdfReader, scans: Scans) -> Iterator[_Page]:
    layers, fonts = Layers(reader), Fonts()
    for number, each in enumerate(reader.pages):
        try:
            text = TextReader(each, layers, fonts)
            page = _page(builder, text)
            recognised = scans.lines(number, page.text, text.visibility.picture_share)
            yield replace(page, lines=(*page.lines, *recognised))
        except LimitReachedError:
            raise
        except DAMAGE:
            yield _Page(damaged=True)


def _page(builder: TextBuilder, text: TextReader) -> _Page:
    text.read()
    unseen = " ".join(read_annotations(text))
    hidden = text.visibility.hidden()
    seen = [piece for piece in text.pieces if piece.number not in hidden]
    again = overprinted(seen)
    dropped = {piece.number for piece in again}
    lines = lines_of(turned_downwards([piece for piece in seen if piece.number not in dropped]))
    out = lines_of([piece for piece in text.pieces if piece.number in hidden])
    builder.hide("\n".join([*(line.text for line in out), unseen]), _HIDDEN)
    page = "\n".join(line.text for line in [*lines, *out])
    return _Page(tuple(lines), page, " ".join(piece.text for piece in again))


def _write(
    builder: TextBuilder, hyphens: Hyphens, lines: Sequence[TextLine], titles: tuple[tuple[int, str], ...]
) -> None:
    """Add a page; lines that the outline names, or that are in a larger font, become headings."""
    levels = {squeeze(title).casefold(): level for level, title in titles}
    sizes = {} if levels else _levels_by_size(lines)
    block: list[str] = []
    for line in lines:
        level = levels.get(line.text.casefold()) or sizes.get(line.size)
        heading = level and 2 < len(line.text) < _MAX_HEADING
        if heading or line.starts:
            builder.block(hyphens.undo("\n".join(block)))
            block.clear()
        if level and heading:
            builder.heading(level, line.text)
        else:
            block.append(line.text)
    builder.block(hyphens.undo("\n".join(block)))


def _levels_by_size(lines: Sequence[TextLine]) -> dict[float, int]:
    weights: Counter[float] = Counter()
    for line in lines:
        weights[line.size] += len(line.text)
    if len(weights) < 2:
        return {}
    body = weights.most_common(1)[0][0]
    larger = sorted((size for size in weights if size > 1.12 * body), reverse=True)[:4]
    return {size: level for level, size in enumerate(larger, 1)}


def _outline(reader: PdfReader) -> Iterator[tuple[int, tuple[tuple[int, str], ...]]]:
    """The titles of the outline with their levels, by page number."""
    titles_by_page: dict[int, list[tuple[int, str]]] = {}
    try:
        stack: list[tuple[object, int]] = [(reader.outline, 0)]
        while stack and len(titles_by_page) < MAX_PAGES:
            item, level = stack.pop()
            if isinstance(item, list):
                stack.extend((inner, level + 1) for inner in reversed(item))
            elif isinstance(item, Destination) and (page := reader.get_destination_page_number(item)) is not None:
                titles_by_page.setdefault(page, []).append((min(level, 6), str(item.title)))
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return
    yield from ((page, tuple(titles)) for page, titles in titles_by_page.items())


def _facts(reader: PdfReader) -> tuple[str, dict[str, str]]:
    try:
        facts = reader.metadata
        if facts is None:
            return "", {}
        when = facts.modification_date or facts.creation_date
        return facts.title or "", {"author": facts.author or "", "date": when.date().isoformat() if when else ""}
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError):
        return "", {}
