from collections.abc import Mapping
from typing import Protocol

from app.adapters.parsers.docx.document import parse_docx
from app.adapters.parsers.html import parse_html
from app.adapters.parsers.json_lines import parse_jsonl
from app.adapters.parsers.markdown import parse_markdown
from app.adapters.parsers.pdf.document import parse_pdf
from app.adapters.parsers.plain import parse_text, titled
from app.adapters.parsers.sniffing import kind_of
from app.adapters.parsers.tables import parse_csv
from app.ingestion.domain.parsed_document import ParsedDocument


class Parse(Protocol):
    def __call__(self, data: bytes, *, repair: bool) -> ParsedDocument: ...


PARSERS: Mapping[str, Parse] = {
    "markdown": parse_markdown,
    "text": parse_text,
    "html": parse_html,
    "pdf": parse_pdf,
    "docx": parse_docx,
    "csv": parse_csv,
    "jsonl": parse_jsonl,
}


def parse(data: bytes, name: str, *, repair: bool = False) -> ParsedDocument:
    """Parse in this process, which may crash: only for a parser process. Errors: Unparsable."""
    return titled(PARSERS[kind_of(data, name)](data, repair=repair), name)
