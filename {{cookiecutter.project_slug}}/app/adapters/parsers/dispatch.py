from collections.abc import Mapping
from importlib import import_module
from typing import Protocol

from app.adapters.parsers.docx.document import parse_docx
from app.adapters.parsers.file_format import FORMATS, parse_format
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


def _imported_when_used(name: str) -> Parse:
    """The parser `parse_<name>` of the module of that name, so that a process that never needs it stays small."""

    def parse_file(data: bytes, *, repair: bool) -> ParsedDocument:
        module = import_module(f"app.adapters.parsers.{_MODULES.get(name, name)}")
        parser: Parse = getattr(module, f"parse_{name}")
        return parser(data, repair=repair)

    return parse_file


_MODULES = {"odt": "open_document", "ods": "open_document", "odp": "open_document", "eml": "mail", "image": "picture"}
PARSERS: Mapping[str, Parse] = {
    "markdown": parse_markdown,
    "text": parse_text,
    "html": parse_html,
    "pdf": parse_pdf,
    "docx": parse_docx,
    "csv": parse_csv,
    "jsonl": parse_jsonl,
    **{
        name: _imported_when_used(name)
        for name in ("xlsx", "xls", "ods", "pptx", "odp", "odt", "rtf", "epub", "eml", "image")
    },
}


def parse(data: bytes, name: str, *, repair: bool = False) -> ParsedDocument:
    """Parse in this process, which may crash: only for a parser process. Errors: Unparsable."""
    kind = kind_of(data, name)
    if extension := FORMATS.get(kind):
        return titled(parse_format(extension, data, repair=repair), name)
    return titled(PARSERS[kind](data, repair=repair), name)
