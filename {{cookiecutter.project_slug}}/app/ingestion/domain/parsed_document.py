"""The result of a parser, and its two failures: of the file, and of the machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.retrieval.domain.chunking import Heading
from app.safety.domain.text import Finding

KINDS = (
    *("markdown", "text", "html", "pdf", "docx", "odt", "rtf", "epub"),
    *("csv", "jsonl", "xlsx", "xls", "ods", "pptx", "odp", "eml", "image"),
)


@dataclass(frozen=True, slots=True)
class WordLoss:
    """Words that readers of the file see and that are not in the text.

    found: words of the file, counted without the parser's own walk. lost: how many of them were not read, by place in
    the file, such as `text box` or `page 3`.
    """

    found: int
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.lost.values())

    @property
    def share(self) -> float:
        return self.total / self.found if self.found else 0.0


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message. name: as the sender gave it."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The text that is stored, chunked and cited: normalised, offsets in characters.

    headings refer to `text`; `hidden` is text of the file that is invisible to readers, used only for
    screening; `findings` report what was removed or repaired; `metadata` is from the file itself; `loss`: None where
    the text is the file itself; `columns`: of a table, the names of its columns or fields, each once; `attachments`:
    files in the file that become documents of their own.
    """

    kind: str
    text: str
    title: str = ""
    headings: tuple[Heading, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    hidden: str = ""
    loss: WordLoss | None = None
    columns: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class Unparsable(Exception):
    """The file has no readable text: `code` is the quarantine reason, `detail` says what was found."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class ParserInterrupted(Exception):
    """The file was not read for a reason outside of it: the machine was too busy, or the parser was killed."""
