"""Pictures of text: PNG, JPEG and TIFF with one or more pages, read by the text recognition that is installed."""

from app.adapters.parsers.builder import TextBuilder
from app.adapters.parsers.ocr import engine, recognised_finding
from app.ingestion.domain.parsed_document import ParsedDocument


def parse_image(data: bytes, *, repair: bool) -> ParsedDocument:
    """A picture without readable text gives a document without text."""
    builder = TextBuilder()
    program = engine()
    if program and (found := program.read(data)).readable:
        for lines in found.paragraphs:
            builder.block("\n".join(lines))
        builder.find(recognised_finding(1, found.confidence))
    return builder.build("image")
