import re
from collections import Counter
from collections.abc import Iterator
from io import BytesIO

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError
from pypdf.generic import Destination

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.pdf_layers import Layers
from app.adapters.parsers.pdf_visibility import LineSizes, PageVisibility, TextFilter
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.safety.domain.text import Finding

MAX_PAGES = 5_000
_HYPHEN = re.compile(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])")
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
    damaged, layers = 0, Layers(reader)
    for number, page in enumerate(reader.pages):
        text, sizes, damage = _page(builder, page, layers)
        damaged += damage
        _write(builder, _HYPHEN.sub("", text), outline.get(number, ()), sizes)
    if damaged:
        builder.find(Finding("damaged_pages", "pages that cannot be read were left out", damaged))
    document = builder.build("pdf", *_facts(reader))
    if b"%%EOF" not in data[-2048:] and not document.text:
        raise Unparsable("truncated", "The file ends before its end mark.")
    return document


def _page(builder: TextBuilder, page: PageObject, layers: Layers) -> tuple[str, dict[str, float], int]:
    """The visible text, the font size of each of its lines, and 1 when the page cannot be read."""
    visibility, lines = PageVisibility(page, layers), LineSizes()
    try:
        text = page.extract_text(
            visitor_operand_before=visibility.before, visitor_operand_after=visibility.after, visitor_text=lines.text
        )
        if hidden := visibility.hidden():
            builder.hide(_filtered(page, TextFilter(hidden, keep=True), LineSizes()), _HIDDEN)
            lines = LineSizes()
            text = _filtered(page, TextFilter(hidden), lines)
    except LimitReachedError:
        raise
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError):
        return "", {}, 1
    return text, lines.sizes, 0


def _filtered(page: PageObject, shows: TextFilter, lines: LineSizes) -> str:
    try:
        return page.extract_text(visitor_operand_before=shows.before, visitor_text=lines.text)
    finally:
        shows.restore()


def _write(builder: TextBuilder, text: str, titles: tuple[tuple[int, str], ...], sizes: dict[str, float]) -> None:
    """Add a page; lines that the outline names, or that are in a larger font, become headings."""
    levels = {squeeze(title).casefold(): level for level, title in titles}
    if not levels:
        levels = _levels_by_size(sizes)
    block: list[str] = []
    for line in text.split("\n"):
        level = levels.get(squeeze(line).casefold())
        if level and len(line) < 150:
            builder.block("\n".join(block))
            block.clear()
            builder.heading(level, line)
        else:
            block.append(line.strip())
    builder.block("\n".join(block))


def _levels_by_size(sizes: dict[str, float]) -> dict[str, int]:
    weights: Counter[float] = Counter()
    for line, size in sizes.items():
        weights[size] += len(line)
    if len(weights) < 2:
        return {}
    body = weights.most_common(1)[0][0]
    larger = sorted((size for size in weights if size > 1.12 * body), reverse=True)[:4]
    return {
        squeeze(line).casefold(): larger.index(size) + 1
        for line, size in sizes.items()
        if size in larger and 2 < len(line) < 150
    }


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
