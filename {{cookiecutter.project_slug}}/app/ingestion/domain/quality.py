"""The gates a document passes before it is served. Each one is a question with a yes or a reason."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from app.ingestion.domain.near_duplicates import distinct_share
from app.ingestion.domain.parsed_document import ParsedDocument
from app.ingestion.domain.policy import GateAction, SourceRules
from app.ingestion.domain.quarantine_reasons import QuarantineReason, reason
from app.retrieval.domain.chunking import words
from app.safety.domain.policy import DocumentAction
from app.safety.domain.screening import screen_document, screen_fields
from app.safety.domain.text import Finding

GateFailure = tuple[QuarantineReason, GateAction]

_MOJIBAKE = re.compile(r"[ÃÂ][\u00a0-\u00bf]|â€[\u0090-\u02ff\u2000-\u2122]|ï¿½|\ufffd")
_FURNITURE_LINE = re.compile(
    r"cookie|privacy policy|all rights reserved|terms of (?:use|service)|subscribe|newsletter|sign (?:in|up)|log ?in"
    r"|accept all|share (?:on|this)|skip to (?:main )?content|copyright|©|follow us|read more|toggle navigation",
    re.IGNORECASE,
)
_SIGN = re.compile(r"[^\w\s]|_")
_SAMPLE = 50_000
# What repeats itself on a page costs little, and a form may well be one.
_LONG = 20_000
_DATES = ("date", "modified", "updated", "last_modified", "published")
_TABLES = frozenset({"csv", "jsonl"})
_NOT_ABOUT_CONTENT = frozenset({"furniture", "not_utf8", "encoding_not_utf8"})


@dataclass(frozen=True, slots=True)
class QualityInput:
    """A parsed document and what is known about it; `language` is None where nobody could or had to tell."""

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
        """What comes along with the text and may be shown with it; not what stands in the text itself."""
        headings = [heading.title for heading in self.parsed.headings]
        fields = {**self.metadata, "name": self.name, "uri": self.uri, "source": self.source}
        fields |= {"headings": "\n".join(title for title in headings if title not in self.parsed.text)}
        return {name: value for name, value in fields.items() if value and value not in self.parsed.text}


@dataclass(frozen=True, slots=True)
class QualityResult:
    """refused: the first reason against serving the document. findings: what is served along with it, to be shown."""

    refused: QuarantineReason | None
    findings: tuple[Finding, ...]


def check_quality(
    candidate: QualityInput, released: frozenset[str], screening: Callable[[Finding], DocumentAction]
) -> QualityResult:
    """Contract, gates, screening. A reason in `released` was overruled by a person: it becomes a finding."""
    noted = list(candidate.parsed.findings)
    for objection, verdict in _objections(candidate):
        if verdict == "quarantine" and objection.code not in released:
            return QualityResult(objection, tuple(noted))
        if all(finding.rule != objection.code for finding in noted):
            noted.append(Finding(objection.code, objection.detail))
    noted += screen_document(candidate.parsed.text, candidate.parsed.hidden)
    noted += screen_fields(candidate.fields)
    suspicious = [finding for finding in noted if screening(finding) == "quarantine"]
    if suspicious and "suspicious_content" not in released:
        return QualityResult(reason("suspicious_content", _told(suspicious)), tuple(noted))
    return QualityResult(None, tuple(finding for finding in noted if screening(finding) != "ignore"))


def rules_for_readers(rules: Iterable[str]) -> set[str]:
    """The rules among these that a reader of the document should know of."""
    return set(rules) - _NOT_ABOUT_CONTENT


def _told(findings: list[Finding]) -> str:
    return "The document holds " + "; ".join(dict.fromkeys(finding.detail for finding in findings)) + "."


def _objections(c: QualityInput) -> Iterator[GateFailure]:
    for gate in _GATES:
        yield from gate(c)


def _contract(c: QualityInput) -> Iterator[GateFailure]:
    if not c.source_known:
        yield reason("unknown_source", f"The source '{c.source}' is not declared."), "quarantine"
    if c.parsed.kind not in c.rules.types:
        yield reason("type_not_allowed", f"The source does not take {c.parsed.kind} files."), "quarantine"
    missing = [name for name in c.rules.required_metadata if not c.metadata.get(name)]
    if missing:
        yield reason("missing_metadata", f"The source requires {', '.join(missing)}."), "quarantine"


def _repairs(c: QualityInput) -> Iterator[GateFailure]:
    found = {finding.rule: finding for finding in c.parsed.findings}
    if "not_utf8" in found:
        yield reason("encoding_not_utf8", _capital(found["not_utf8"].detail)), c.rules.not_utf8
    if "nul_bytes" in found:
        detail = f"The file holds {found['nul_bytes'].count} NUL characters, which text does not."
        yield reason("nul_bytes", detail), c.rules.control_characters
    if "formula_cells" in found:
        detail = f"{found['formula_cells'].count} cells hold formulas that a spreadsheet would run."
        yield reason("formula_cells", detail), c.rules.formula_cells
    controls = found["control_characters"].count if "control_characters" in found else 0
    if controls > max(5, len(c.parsed.text) // 500):
        detail = f"{controls} control characters had to be taken out."
        yield reason("control_characters", detail), c.rules.control_characters


def _size(c: QualityInput) -> Iterator[GateFailure]:
    text = c.parsed.text
    if not text.strip():
        yield reason("no_text", "The file holds no text that a reader would see."), "quarantine"
    if len(text) > c.rules.max_characters:
        detail = f"The text has {len(text):,} characters; the source takes {c.rules.max_characters:,}."
        yield reason("too_long", detail), "quarantine"
    if len(text) < 10_000 and words(text) < c.rules.min_words:
        detail = f"The text has {words(text)} words; the source wants {c.rules.min_words} or more."
        yield reason("too_short", detail), "quarantine"


def _repetition(c: QualityInput) -> Iterator[GateFailure]:
    if len(c.parsed.text) < _LONG or c.rules.min_distinct_share == 0:
        return
    share = distinct_share(c.parsed.text)
    if share < c.rules.min_distinct_share:
        detail = f"Only {share:.1%} of the text is no repetition; the source wants {c.rules.min_distinct_share:.1%}."
        yield reason("repetitive", detail), "quarantine"


def _characters(c: QualityInput) -> Iterator[GateFailure]:
    sample = c.parsed.text[:_SAMPLE]
    damaged = sum(1 for _ in _MOJIBAKE.finditer(sample))
    if damaged >= 3 and damaged * 500 > len(sample):
        detail = f"{damaged} places look like text that was decoded wrongly."
        yield reason("encoding_damage", detail), "quarantine"
    if len(sample) >= 40 and len(_SIGN.findall(sample)) > 0.6 * len(sample):
        detail = "Most characters are neither letters, digits nor blanks."
        yield reason("control_characters", detail), c.rules.control_characters


def _boilerplate(c: QualityInput) -> Iterator[GateFailure]:
    left_out = next((finding.count for finding in c.parsed.findings if finding.rule == "furniture"), 0)
    if left_out > 4 * len(c.parsed.text) and words(c.parsed.text[:_SAMPLE]) < 40:
        yield reason("boilerplate", "Most of the page is navigation and footers."), c.rules.boilerplate
        return
    lines = [line.strip() for line in islice(c.parsed.text[:_SAMPLE].splitlines(), 2_000) if line.strip()]
    if len(lines) < 6 or c.parsed.kind in _TABLES:
        return
    furniture = sum(1 for line in lines if len(line) < 80 and _FURNITURE_LINE.search(line))
    repeated = len(lines) - len(set(lines)) if len(lines) >= 20 else 0
    if 2 * furniture > len(lines) or 3 * repeated > 2 * len(lines):
        yield reason("boilerplate", "Most lines are navigation, notices or repetitions."), c.rules.boilerplate


def _language(c: QualityInput) -> Iterator[GateFailure]:
    if c.rules.languages and c.language and c.language not in c.rules.languages:
        detail = f"The text looks like '{c.language}'; the source takes {', '.join(c.rules.languages)}."
        yield reason("language", detail), "quarantine"


def _freshness(c: QualityInput) -> Iterator[GateFailure]:
    limit, when = c.rules.freshness.max_age, dated(c.metadata)
    if limit is None or when is None or c.now.date() - when <= limit:
        return
    detail = f"The document is dated {when.isoformat()}; the source takes the last {limit.days} days."
    yield reason("stale", detail), "quarantine" if c.rules.freshness.action == "exclude" else "flag"


def dated(metadata: Mapping[str, str]) -> date | None:
    """The day the document says it is from."""
    for name in _DATES:
        value = metadata.get(name, "")
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            continue
    return None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


_GATES = (_contract, _repairs, _size, _characters, _boilerplate, _repetition, _language, _freshness)
