"""What the privacy policy wants done with a document that contains personal data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.ingestion.domain.parsed_document import ParsedDocument
from app.ingestion.domain.quality import QualityResult
from app.ingestion.domain.quarantine_reasons import quarantine_reason
from app.safety.domain.personal_data import PersonalDataProtection
from app.safety.domain.text import Finding

CODE = "personal_data"


@dataclass(frozen=True, slots=True)
class ProtectedDocument:
    """A document as it may be published, and what was found in it. metadata: shown with it."""

    parsed: ParsedDocument
    metadata: Mapping[str, str]
    findings: tuple[Finding, ...] = ()

    def judged(self, quality: QualityResult, holds_back: bool, released: frozenset[str]) -> QualityResult:
        """The result of the quality gates, with what was found. holds_back: the policy wants it in quarantine."""
        findings = (*quality.findings, *self.findings)
        if quality.refused is None and holds_back and self.findings and CODE not in released:
            detail = "; ".join(finding.detail for finding in self.findings)
            return QualityResult(quarantine_reason(CODE, f"The document {detail}."), findings)
        return replace(quality, findings=findings)


def protected(
    parsed: ParsedDocument, metadata: Mapping[str, str], protection: PersonalDataProtection
) -> ProtectedDocument:
    """Finds personal data and masks it, as the policy wants. A masked text keeps its length, and so its offsets."""
    if protection.documents == "keep":
        return ProtectedDocument(parsed, metadata)
    fields = [value for value in (parsed.title, *metadata.values()) if value not in parsed.text]
    findings = protection.findings("\n".join((parsed.text, *fields)))
    if protection.documents != "mask" or not findings:
        return ProtectedDocument(parsed, metadata, findings)
    mask = protection.mask
    headings = tuple(replace(heading, title=mask(heading.title)) for heading in parsed.headings)
    text = mask.keeping_length(parsed.text)
    masked = replace(
        parsed,
        text=text,
        title=mask(parsed.title),
        headings=headings,
        metadata={name: mask(value) for name, value in parsed.metadata.items()},
        columns=tuple(mask(name) for name in parsed.columns),
    )
    return ProtectedDocument(masked, {name: mask(value) for name, value in metadata.items()}, findings)
