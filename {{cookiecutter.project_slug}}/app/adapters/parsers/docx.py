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
from app.adapters.parsers.docx_visibility import DocxVisibility
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable

_LEVEL = re.compile(r"(?:heading|überschrift|titre)\s*([1-9])", re.IGNORECASE)
_DTD = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_HIDDEN = "text that is not visible to a reader of the document was left out"


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
    builder, visibility = TextBuilder(), DocxVisibility(document)
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            _table(builder, visibility, item)
        else:
            _paragraph(builder, visibility, item)
    if not described:
        return builder.build("docx")
    facts = document.core_properties
    metadata = {
        "author": facts.author or "",
        "date": facts.modified.date().isoformat() if facts.modified else "",
        "language": (facts.language or "")[:2].lower(),
    }
    return builder.build("docx", facts.title or "", metadata)


def _paragraph(builder: TextBuilder, visibility: DocxVisibility, paragraph: Paragraph) -> None:
    visible, style = "".join(_visible_text(builder, visibility, paragraph)), _style_name(paragraph)
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


def _visible_text(builder: TextBuilder, visibility: DocxVisibility, paragraph: Paragraph) -> Iterator[str]:
    hidden: list[str] = []
    for item in paragraph.iter_inner_content():
        for run in [item] if isinstance(item, Run) else item.runs:
            if visibility.hides(run, paragraph):
                hidden.append(run.text)
            else:
                yield run.text
    builder.hide("".join(hidden), _HIDDEN)


def _table(builder: TextBuilder, visibility: DocxVisibility, table: Table) -> None:
    """Write one line per row; cells repeated by a merge are written once."""
    for number, row in enumerate(table.rows):
        cells: list[str] = []
        for cell in row.cells:
            lines = ("".join(_visible_text(builder, visibility, paragraph)) for paragraph in cell.paragraphs)
            text = squeeze(" ".join(lines))
            if text and (not cells or cells[-1] != text):
                cells.append(text)
        builder.block(" | ".join(cells), separator="\n" if number else "\n\n")
