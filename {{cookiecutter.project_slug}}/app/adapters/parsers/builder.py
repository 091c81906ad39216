import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.retrieval.domain.chunking import Heading
from app.safety.domain.text import Finding, normalise

MAX_CHARACTERS = 40_000_000
MAX_COLUMNS = 500

_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_OTHER_SPACE = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000]")


def squeeze(text: str) -> str:
    """Collapse every run of white space into a single space."""
    return " ".join(text.split())


def _even(text: str) -> str:
    """With single blanks only; not changed where it has no others, which is quickly seen."""
    if "  " in text or "\t" in text or (not text.isascii() and _OTHER_SPACE.search(text)):
        return _SPACES.sub(" ", text)
    return text


class TextBuilder:
    """Assembles a document from blocks; text is normalised before it is added, so that offsets are final.

    findings: what was found while the text was decoded.
    """

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._hidden: list[str] = []
        self._findings: dict[str, Finding] = {}
        self._columns: dict[str, None] = {}
        for finding in findings:
            self.find(finding)

    def block(self, text: str, separator: str = "\n\n") -> None:
        plain = text.isascii() and text.isprintable() and "  " not in text
        self._block((text if plain else _even(self._clean(text))).strip(), separator)

    def preformatted(self, text: str) -> None:
        """A block whose lines and indentation carry meaning, such as code."""
        self._block(self._clean(text).strip("\n").rstrip())

    def _block(self, clean: str, separator: str = "\n\n") -> None:
        if not clean or clean.isspace():
            return
        if self._parts:
            self._append(separator)
        self._append(clean)

    def heading(self, level: int, title: str) -> None:
        clean = squeeze(self._clean(title))
        if not clean:
            return
        if self._parts:
            self._append("\n\n")
        self._headings.append(Heading(level, clean, self._length))
        self._append(clean)

    def include(self, document: ParsedDocument, level: int = 0) -> None:
        """Add the text of a document that was read already. level: how much deeper its headings are in this one."""
        if document.text and self._parts:
            self._append("\n\n")
        start = self._length
        self._append(document.text)
        self._headings += (Heading(h.level + level, h.title, start + h.start) for h in document.headings)
        if document.hidden:
            self._hidden.append(document.hidden)
        for finding in document.findings:
            self.find(replace(finding, start=None, end=None))

    def hide(self, text: str, detail: str = "") -> None:
        """Leave text out of the document, but screen it. detail: also report it as a finding."""
        clean = normalise(text)
        if not (squeezed := squeeze(f"{clean.text} {clean.hidden}")):
            return
        self._hidden.append(squeezed)
        if detail:
            self.find(Finding("hidden_text", detail))

    def name_columns(self, names: Iterable[str]) -> None:
        """Record the names of the columns of a table, in their order; of several tables of a file, those of all."""
        for name in names:
            if name not in self._columns and len(self._columns) < MAX_COLUMNS:
                self._columns[name] = None

    def find(self, finding: Finding) -> None:
        earlier = self._findings.get(finding.rule)
        count = finding.count + (earlier.count if earlier else 0)
        self._findings[finding.rule] = Finding(finding.rule, finding.detail, count, finding.start, finding.end)

    def build(self, kind: str, title: str = "", metadata: Mapping[str, str] | None = None) -> ParsedDocument:
        title = squeeze(self._clean(title)) or (self._headings[0].title if self._headings else "")
        facts = {key: _SPACES.sub(" ", self._clean(value))[:1000] for key, value in (metadata or {}).items() if value}
        return ParsedDocument(
            kind=kind,
            text="".join(self._parts),
            title=title[:300],
            headings=tuple(self._headings),
            metadata=facts,
            findings=tuple(self._findings.values()),
            hidden="\n".join(self._hidden)[:200_000],
            columns=tuple(dict.fromkeys(filter(None, (squeeze(self._clean(name))[:200] for name in self._columns)))),
        )

    def _append(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_CHARACTERS:
            raise Unparsable("too_long", f"The text has more than {MAX_CHARACTERS:,} characters.")
        self._parts.append(text)

    def _clean(self, text: str) -> str:
        if text.isascii() and text.isprintable():
            return text
        clean = normalise(text)
        for finding in clean.findings:
            self.find(finding)
        if clean.hidden:
            self._hidden.append(clean.hidden)
        return clean.text
