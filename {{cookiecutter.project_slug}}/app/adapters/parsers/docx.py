import re
import zipfile
from collections.abc import Iterator
from io import BytesIO

from docx import Document as open_docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.table import Table
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from app.adapters.parsers.archive import EXTERNAL, check_archive, open_names
from app.adapters.parsers.builder import TextBuilder, squeeze
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable

_LEVEL = re.compile(r"(?:heading|überschrift|titre)\s*([1-9])", re.IGNORECASE)
_DTD = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_HIDDEN = "text that is not visible to a reader of the document was left out"
_TINY_POINTS = 2


def parse_docx(data: bytes, *, repair: bool) -> ParsedDocument:
    check_archive(data)
    _refuse_entities(data)
    try:
        return _read(open_docx(BytesIO(data)), described="docProps/core.xml" in open_names(data))
    except (OpcError, KeyError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise Unparsable("unreadable", f"The document cannot be opened ({type(error).__name__}).") from error


def _refuse_entities(data: bytes) -> None:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for entry in archive.infolist():
            if not entry.filename.endswith((".xml", ".rels")):
                continue
            part = archive.read(entry)
            if EXTERNAL.search(part):
                raise Unparsable("external_entity", "The document refers to external content.")
            if _DTD.search(part):
                raise Unparsable("xml_entities", "The document declares XML entities, which Word never writes.")


def _read(document: Document, *, described: bool) -> ParsedDocument:
    builder = TextBuilder()
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            _table(builder, item)
        else:
            _paragraph(builder, item)
    if not described:
        return builder.build("docx")
    facts = document.core_properties
    metadata = {
        "author": facts.author or "",
        "date": facts.modified.date().isoformat() if facts.modified else "",
        "language": (facts.language or "")[:2].lower(),
    }
    return builder.build("docx", facts.title or "", metadata)


def _paragraph(builder: TextBuilder, paragraph: Paragraph) -> None:
    visible, style = "".join(_visible_text(builder, paragraph)), _style_name(paragraph)
    if style == "Title":
        builder.heading(1, visible)
    elif level := _LEVEL.match(style):
        builder.heading(int(level[1]), visible)
    elif style.startswith("List"):
        builder.block(f"- {squeeze(visible)}" if visible.strip() else "", separator="\n")
    else:
        builder.block(visible)


def _style_name(paragraph: Paragraph) -> str:
    style = paragraph.style
    return (style.name or "") if style is not None else ""


def _visible_text(builder: TextBuilder, paragraph: Paragraph) -> Iterator[str]:
    for item in paragraph.iter_inner_content():
        for run in [item] if isinstance(item, Run) else item.runs:
            if _is_hidden(run):
                builder.hide(run.text, _HIDDEN)
            else:
                yield run.text


def _is_hidden(run: Run) -> bool:
    font = run.font
    if font.hidden:
        return True
    if font.size is not None and font.size.pt < _TINY_POINTS:
        return True
    colour = font.color.rgb if font.color is not None and font.color.type is not None else None
    shaded = run._r.rPr is not None and run._r.rPr.find(f"{{{run._r.nsmap['w']}}}shd") is not None
    return colour is not None and min(colour) >= 0xF0 and not shaded and font.highlight_color is None


def _table(builder: TextBuilder, table: Table) -> None:
    """Write one line per row; cells repeated by a merge are written once."""
    for number, row in enumerate(table.rows):
        cells: list[str] = []
        for cell in row.cells:
            text = squeeze(" ".join("".join(_visible_text(builder, paragraph)) for paragraph in cell.paragraphs))
            if text and (not cells or cells[-1] != text):
                cells.append(text)
        builder.block(" | ".join(cells), separator="\n" if number else "\n\n")
