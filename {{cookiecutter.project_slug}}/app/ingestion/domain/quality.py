"""The quality gates that a document passes before it is published. Each gate yields its failures."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from app.ingestion.domain.garbled import why_garbled
from app.ingestion.domain.near_duplicates import distinct_share
from app.ingestion.domain.parsed_document import ParsedDocument
from app.ingestion.domain.policy import GateAction, SourceRules
from app.ingestion.domain.quarantine_reasons import QuarantineReason, quarantine_reason
from app.retrieval.domain.chunking import words
from app.safety.domain.policy import DocumentAction
from app.safety.domain.text import Finding

GateFailure = tuple[QuarantineReason, GateAction]
Screen = Callable[[ParsedDocument, Mapping[str, str]], tuple[Finding, ...]]
"""Screens a document with its metadata."""

_MOJIBAKE = re.compile(r"[ÃÂ][\u00a0-\u00bf]|â€[\u0090-\u02ff\u2000-\u2122]|ï¿½|\ufffd")
_BOILERPLATE_LINE = re.compile(
    r"cookie|privacy policy|all rights reserved|terms of (?:use|service)|subscribe|newsletter|sign (?:in|up)|log ?in"
    r"|accept all|share (?:on|this)|skip to (?:main )?content|copyright|©|follow us|read more|toggle navigation",
    re.IGNORECASE,
)
_SYMBOL = re.compile(r"[^\w\s]|_")
# The dots or lines of a form or a table of contents, which lead from a name to its place.
_LEADER = re.compile(r"([^\w\s]|_)\1{3,}")
_SAMPLE_CHARACTERS = 50_000
# Repetition in a short text costs little, and is normal in forms.
_MIN_REPETITION_CHARACTERS = 20_000
_DATES = ("date", "modified", "updated", "last_modified", "published")
_TABLES = frozenset({"csv", "jsonl", "xlsx", "xls", "ods"})
_NOT_FOR_READERS = frozenset({"furniture", "not_utf8", "encoding_not_utf8"})
_NOT_FOR_READERS |= {"comments", "tracked_changes", "embedded_documents"}


@dataclass(frozen=True, slots=True)
class QualityInput:
    """A parsed document with its metadata. language: None where it was not detected."""

    parsed: ParsedDocument
    rules: SourceRules
    metadata: Mapping[str, str]
    language: str | None
    now: datetime
    source: str = ""
    source_known: bool = True
    name: str = ""
    uri: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """Metadata that may be shown with the text, without what the text itself contains."""
        headings = [heading.title for heading in self.parsed.headings]
        fields = {**self.metadata, "name": self.name, "uri": self.uri, "source": self.source}
        fields |= {"headings": "\n".join(title for title in headings if title not in self.parsed.text)}
        return {name: value for name, value in fields.items() if value and value not in self.parsed.text}


@dataclass(frozen=True, slots=True)
class QualityResult:
    """The result of the gates. refused: the first reason not to publish the document. findings: to store with it."""

    refused: QuarantineReason | None
    findings: tuple[Finding, ...]


def check_quality(
    document: QualityInput,
    released: frozenset[str],
    screen: Screen,
    action: Callable[[Finding], DocumentAction],
) -> QualityResult:
    """Run the gates and the content screening. released: codes that a person has overruled; their failures become
    findings.
    """
    findings = list(document.parsed.findings)
    for failure, consequence in _failures(document):
        if consequence == "quarantine" and failure.code not in released:
            return QualityResult(failure, tuple(findings))
        if all(finding.rule != failure.code for finding in findings):
            findings.append(Finding(failure.code, failure.detail))
    findings += screen(document.parsed, document.fields)
    suspicious = [finding for finding in findings if action(finding) == "quarantine"]
    if suspicious and "suspicious_content" not in released:
        return QualityResult(quarantine_reason("suspicious_content", _description(suspicious)), tuple(findings))
    return QualityResult(None, tuple(finding for finding in findings if action(finding) != "ignore"))


def rules_for_readers(rules: Iterable[str]) -> set[str]:
    """The rules among these that readers of the document see. Personal data makes a text no less reliable."""
    return {rule for rule in rules if rule not in _NOT_FOR_READERS and not rule.startswith("personal_data.")}


def _description(findings: list[Finding]) -> str:
    return "The document contains " + "; ".join(dict.fromkeys(finding.detail for finding in findings)) + "."


def _failures(c: QualityInput) -> Iterator[GateFailure]:
    for gate in _GATES:
        yield from gate(c)


def _contract(c: QualityInput) -> Iterator[GateFailure]:
    if not c.source_known:
        yield quarantine_reason("unknown_source", f"The source '{c.source}' is not declared."), "quarantine"
    if c.parsed.kind not in c.rules.types:
        yield quarantine_reason("type_not_allowed", f"The source does not accept {c.parsed.kind} files."), "quarantine"
    missing = [name for name in c.rules.required_metadata if not c.metadata.get(name)]
    if missing:
        yield quarantine_reason("missing_metadata", f"The source requires {', '.join(missing)}."), "quarantine"


def _repairs(c: QualityInput) -> Iterator[GateFailure]:
    findings = {finding.rule: finding for finding in c.parsed.findings}
    if "not_utf8" in findings:
        yield quarantine_reason("encoding_not_utf8", _sentence(findings["not_utf8"].detail)), c.rules.not_utf8
    if "nul_bytes" in findings:
        detail = f"The file contains {findings['nul_bytes'].count} NUL characters, which are not text."
        yield quarantine_reason("nul_bytes", detail), c.rules.control_characters
    if "formula_cells" in findings:
        detail = f"{findings['formula_cells'].count} cells contain formulas that a spreadsheet would evaluate."
        yield quarantine_reason("formula_cells", detail), c.rules.formula_cells
    controls = findings["control_characters"].count if "control_characters" in findings else 0
    if controls > max(5, len(c.parsed.text) // 500):
        detail = f"{controls} control characters were removed."
        yield quarantine_reason("control_characters", detail), c.rules.control_characters


def _size(c: QualityInput) -> Iterator[GateFailure]:
    text = c.parsed.text
    if not text.strip():
        yield quarantine_reason("no_text", "The file contains no visible text."), "quarantine"
    if len(text) > c.rules.max_characters:
        detail = f"The text has {len(text):,} characters; the source accepts {c.rules.max_characters:,}."
        yield quarantine_reason("too_long", detail), "quarantine"
    if len(text) < 10_000 and words(text) < c.rules.min_words:
        detail = f"The text has {words(text)} words; the source requires {c.rules.min_words} or more."
        yield quarantine_reason("too_short", detail), "quarantine"


def _losses(c: QualityInput) -> Iterator[GateFailure]:
    loss = c.parsed.loss
    if loss is None or loss.share <= c.rules.max_lost_share:
        return
    places = ", ".join(f"{count:,} in {place}" for place, count in loss.lost.items())
    detail = f"{loss.total:,} of {loss.found:,} words of the file ({loss.share:.1%}) were not read: {places}."
    yield quarantine_reason("lost_words", detail), "quarantine"


def _scans(c: QualityInput) -> Iterator[GateFailure]:
    if scanned := next((each for each in c.parsed.findings if each.rule == "mostly_scanned"), None):
        yield quarantine_reason("mostly_scanned", f"{scanned.count} {scanned.detail}."), "quarantine"


def _garbled(c: QualityInput) -> Iterator[GateFailure]:
    """Only the text of a PDF is put together from single letters."""
    if c.parsed.kind == "pdf" and (why := why_garbled(c.parsed.text)):
        yield quarantine_reason("garbled_text", why), "quarantine"


def _repetition(c: QualityInput) -> Iterator[GateFailure]:
    if len(c.parsed.text) < _MIN_REPETITION_CHARACTERS or c.rules.min_distinct_share == 0:
        return
    share = distinct_share(c.parsed.text)
    if share < c.rules.min_distinct_share:
        detail = f"Only {share:.1%} of the text is not repeated; the source requires {c.rules.min_distinct_share:.1%}."
        yield quarantine_reason("repetitive", detail), "quarantine"


def _characters(c: QualityInput) -> Iterator[GateFailure]:
    sample = c.parsed.text[:_SAMPLE_CHARACTERS]
    damaged = sum(1 for _ in _MOJIBAKE.finditer(sample))
    if damaged >= 3 and damaged * 500 > len(sample):
        detail = f"{damaged} places look like wrongly decoded text."
        yield quarantine_reason("encoding_damage", detail), "quarantine"
    written = _LEADER.sub("", sample)
    if len(written) >= 40 and len(_SYMBOL.findall(written)) > 0.6 * len(written):
        detail = "Most characters are neither letters, digits nor blanks."
        yield quarantine_reason("control_characters", detail), c.rules.control_characters


def _boilerplate(c: QualityInput) -> Iterator[GateFailure]:
    omitted = next((finding.count for finding in c.parsed.findings if finding.rule == "furniture"), 0)
    if omitted > 4 * len(c.parsed.text) and words(c.parsed.text[:_SAMPLE_CHARACTERS]) < 40:
        yield quarantine_reason("boilerplate", "Most of the page is navigation and footers."), c.rules.boilerplate
        return
    lines = [line.strip() for line in islice(c.parsed.text[:_SAMPLE_CHARACTERS].splitlines(), 2_000) if line.strip()]
    if len(lines) < 6 or c.parsed.kind in _TABLES:
        return
    boilerplate = sum(1 for line in lines if len(line) < 80 and _BOILERPLATE_LINE.search(line))
    repeated = len(lines) - len(set(lines)) if len(lines) >= 20 else 0
    if 2 * boilerplate > len(lines) or 10 * repeated > 9 * len(lines):
        yield (
            quarantine_reason("boilerplate", "Most lines are navigation, notices or repetitions."),
            c.rules.boilerplate,
        )


def _language(c: QualityInput) -> Iterator[GateFailure]:
    if c.rules.languages and c.language and c.language not in c.rules.languages:
        detail = f"The text looks like '{c.language}'; the source accepts {', '.join(c.rules.languages)}."
        yield quarantine_reason("language", detail), "quarantine"


def _freshness(c: QualityInput) -> Iterator[GateFailure]:
    limit, dated = c.rules.freshness.max_age, document_date(c.metadata)
    if limit is None or dated is None or c.now.date() - dated <= limit:
        return
    detail = f"The document is dated {dated.isoformat()}; the source accepts the last {limit.days} days."
    yield quarantine_reason("stale", detail), "quarantine" if c.rules.freshness.action == "exclude" else "flag"


def document_date(metadata: Mapping[str, str]) -> date | None:
    """The date in the document's own metadata."""
    for name in _DATES:
        value = metadata.get(name, "")
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            continue
    return None


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


_GATES = (
    _contract,
    _repairs,
    _size,
    _garbled,
    _losses,
    _scans,
    _characters,
    _boilerplate,
    _repetition,
    _language,
    _freshness,
)
