from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, computed_field

from app.ingestion.domain.quality import rules_for_readers
from app.ingestion.domain.quarantine_reasons import ACTIONS


class FileProblemResponse(BaseModel):
    status: int
    code: str
    title: str
    detail: str
    action: str | None = None


class UploadedFileResponse(BaseModel):
    """What became of one file. `id` is null when it was refused, and `problem` says why."""

    id: UUID | None
    version: int | None
    status: str = Field(description="received, published (already there), quarantined or refused")
    name: str
    source: str
    access_groups: list[str] = Field(description="Who may read it; nobody named: everybody of the tenant.")
    duplicate_of: UUID | None = None
    flagged: bool = Field(False, description="It is already there, with findings that its readers should know of.")
    problem: FileProblemResponse | None = None


class UploadResponse(BaseModel):
    items: list[UploadedFileResponse]


class DocumentFindingResponse(BaseModel):
    rule: str
    detail: str
    count: int = 1
    start: int | None = None


class QuarantineSummaryResponse(BaseModel):
    """Why the newest version is not served; the entry under /v1/quarantine has the rest."""

    id: UUID
    reason: str
    detail: str
    action: str


class DocumentResponse(BaseModel):
    """status is that of the newest version; live_version is the one being served, null when none is. A document is
    published with `findings` where the policy flags them; `flagged` says so.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    source: str
    uri: str
    name: str
    title: str
    status: str
    version: int
    live_version: int | None
    access_groups: list[str]
    metadata: dict[str, Any]
    sha256: str
    size: int
    kind: str | None
    language: str | None
    characters: int | None
    findings: list[DocumentFindingResponse]
    quarantine: QuarantineSummaryResponse | None
    created_at: datetime
    updated_at: datetime

    @computed_field(description="There are findings that a reader of the newest version should know of.")  # type: ignore[prop-decorator]
    @property
    def flagged(self) -> bool:
        return bool(rules_for_readers(finding.rule for finding in self.findings))

    @classmethod
    def of(cls, row: Any) -> "DocumentResponse":
        held = None
        if row["quarantine_id"]:
            action = ACTIONS.get(row["reason"], "")
            held = QuarantineSummaryResponse(
                id=row["quarantine_id"], reason=row["reason"], detail=row["detail"], action=action
            )
        return cls.model_validate({**row, "quarantine": held})


class DocumentPageResponse(BaseModel):
    items: list[DocumentResponse]
    next: str | None = Field(None, description="Pass it as 'after' for the next page; null on the last one.")


class QuarantineEntryResponse(BaseModel):
    """A version that was held back. Its original bytes are under /v1/quarantine/{id}/original."""

    id: UUID
    document_id: UUID
    version: int
    name: str
    source: str
    uri: str
    size: int
    sha256: str
    access_groups: list[str]
    reason: str
    detail: str
    action: str
    duplicate_of: UUID | None
    findings: list[DocumentFindingResponse]
    created_at: datetime
    decision: str | None
    decided_at: datetime | None
    decided_by: str | None
    note: str | None

    @classmethod
    def of(cls, row: Any) -> "QuarantineEntryResponse":
        return cls.model_validate({**row, "action": ACTIONS.get(row["reason"], "")})


class QuarantinePageResponse(BaseModel):
    items: list[QuarantineEntryResponse]
    next: str | None = None


class QuarantineDecisionRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: str = Field("", max_length=1000, description="Why; kept with who and when.")


class QuarantineDecisionResponse(BaseModel):
    document_id: UUID
    status: str
