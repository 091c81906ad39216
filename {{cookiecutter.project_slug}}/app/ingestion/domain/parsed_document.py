"""What a parser hands over, how it refuses a file, and what stops it that is not the file's fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.retrieval.domain.chunking import Heading
from app.safety.domain.text import Finding

KINDS = ("markdown", "text", "html", "pdf", "docx", "csv", "jsonl")


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The text that is stored, chunked and cited: normalised, offsets in characters.

    headings point into `text`; `hidden` is what the file carried and a reader would not have seen (kept apart, for
    screening only); `findings` tell what was taken out or repaired; `metadata` is what the file says about itself.
    """

    kind: str
    text: str
    title: str = ""
    headings: tuple[Heading, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    hidden: str = ""


class Unparsable(Exception):
    """The file cannot become a text: `code` is the reason for the quarantine, `detail` says what was seen."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class ParserInterrupted(Exception):
    """The file was not read, and that says nothing about the file: the machine was too busy, or ended the parser."""
