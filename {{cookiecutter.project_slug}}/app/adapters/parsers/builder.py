import re
from collections.abc import Mapping

from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.retrieval.domain.chunking import Heading
from app.safety.domain.text import Finding, normalise

MAX_CHARACTERS = 40_000_000

_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")


def squeeze(text: str) -> str:
    """One line: every run of white space becomes a single space."""
    return " ".join(text.split())


class TextBuilder:
    """Puts a document together block by block; what it is given is normalised first, so offsets are final."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._hidden: list[str] = []
        self._findings: dict[str, Finding] = {}

    def block(self, text: str, separator: str = "\n\n") -> None:
        clean = self._clean(text).strip()
        if not clean:
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

    def hide(self, text: str, detail: str = "") -> None:
        """Keeps text out of the document. With `detail` it becomes a finding; without it is only screened."""
        clean = normalise(text)
        if not (squeezed := squeeze(f"{clean.text} {clean.hidden}")):
            return
        self._hidden.append(squeezed)
        if detail:
            self.find(Finding("hidden_text", detail))

    def find(self, finding: Finding) -> None:
        known = self._findings.get(finding.rule)
        count = finding.count + (known.count if known else 0)
        self._findings[finding.rule] = Finding(finding.rule, finding.detail, count, finding.start)

    def build(self, kind: str, title: str = "", metadata: Mapping[str, str] | None = None) -> ParsedDocument:
        title = squeeze(self._clean(title)) or (self._headings[0].title if self._headings else "")
        known = {key: self._clean(value)[:1000] for key, value in (metadata or {}).items() if value}
        return ParsedDocument(
            kind=kind,
            text="".join(self._parts),
            title=title[:300],
            headings=tuple(self._headings),
            metadata=known,
            findings=tuple(self._findings.values()),
            hidden="\n".join(self._hidden)[:200_000],
        )

    def _append(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_CHARACTERS:
            raise Unparsable("too_long", f"The text has more than {MAX_CHARACTERS:,} characters.")
        self._parts.append(text)

    def _clean(self, text: str) -> str:
        clean = normalise(text)
        for finding in clean.findings:
            self.find(finding)
        if clean.hidden:
            self._hidden.append(clean.hidden)
        return _SPACES.sub(" ", clean.text)
