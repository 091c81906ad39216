"""File formats that the team adds. Their parsers run where the shipped ones do: in a process of their own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from app.adapters.parsers.builder import TextBuilder
from app.adapters.parsers.decoding import decode
from app.ingestion.domain.parsed_document import ParsedDocument

FORMATS: dict[str, "FileFormat"] = {}
"""By kind."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """kind: its name among the `types` of policies/data.yaml. endings: of the names of its files, such as `.ini`; by
    these alone it is told. parse: adds what a reader sees to the builder. Errors of parse: Unparsable, and any other
    exception, which say that the file cannot be read.

    text: whether the file is text, which parse gets decoded; else it gets the bytes.
    """

    kind: str
    endings: tuple[str, ...]
    parse: Callable[[Any, TextBuilder], None]
    text: bool = True


def add_formats(formats: Iterable[FileFormat]) -> None:
    """Errors: ValueError, for two formats of one kind or ending."""
    for each in formats:
        if FORMATS.get(each.kind, each) != each:
            raise ValueError(f"two formats are called {each.kind}")
        for ending in each.endings:
            if (format_of(ending) or each) != each:
                raise ValueError(f"two formats read files that end in {ending}")
        FORMATS[each.kind] = each


def format_of(ending: str) -> FileFormat | None:
    return next((each for each in FORMATS.values() if ending in each.endings), None)


def parse_format(extension: FileFormat, data: bytes, *, repair: bool) -> ParsedDocument:
    """Errors: Unparsable."""
    content, findings = decode(data, repair=repair) if extension.text else (data, ())
    builder = TextBuilder(findings)
    extension.parse(content, builder)
    return builder.build(extension.kind)
