from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, computed_field

from app.core.base_models import ExactModel, ResponseModel
from app.core.reasons import WORD_PATTERN
from app.identity.domain.group_names import GroupName
from app.ingestion.domain.access_lists import MAX_GROUPS, MAX_RULES
from app.ingestion.domain.documents import SOURCE_PATTERN, UploadResult
from app.ingestion.domain.quality import rules_for_readers
from app.ingestion.domain.quarantine_reasons import ACTIONS
from app.ingestion.domain.views import DocumentDetails, QuarantineEntry


class FileProblemResponse(BaseModel):
    status: int
    code: str
    title: str
    detail: str
    action: str | None = None


class UploadedFileResponse(BaseModel):
    """The result for one file. `id` is null when it was refused, and `problem` says why."""

    id: UUID | None
    version: int | None
    status: str = Field(description="received, published (unchanged), quarantined or refused")
    name: str
    source: str
    access_groups: list[str] = Field(description="Who may read it; none means everybody of the tenant.")
    duplicate_of: UUID | None = Field(
        None, description="A document with the same content for the same readers; `id` itself where nothing changed."
    )
    flagged: bool = Field(False, description="It is already published, with findings that its readers see.")
    problem: FileProblemResponse | None = None

    @computed_field(description="The address of its current state, with what holds it back.")  # type: ignore[prop-decorator]
    @property
    def where(self) -> str | None:
        return f"/v1/documents/{self.id}" if self.id else None

    @classmethod
    def of(cls, result: UploadResult) -> "UploadedFileResponse":
        problem = result.problem and result.problem.as_dict()
        return cls.model_validate({**asdict(replace(result, problem=None)), "problem": problem})


class UploadResponse(BaseModel):
    items: list[UploadedFileResponse]
    quarantine: str = Field("/v1/quarantine", description="The address of what is not served until a person decides.")


class DocumentFindingResponse(BaseModel):
    rule: str
    detail: str
    count: int = 1
    start: int | None = None
    end: int | None = None


class QuarantineSummaryResponse(BaseModel):
    """Why the newest version is not published; the entry under /v1/quarantine has the details."""

    id: UUID
    reason: str
    detail: str
    action: str


class DocumentResponse(BaseModel):
    """status is that of the newest version; live_version is the published one, null when there is none. A document is
    published with `findings` where the policy flags them; `flagged` says so.
    """

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

    @computed_field(description="The newest version has findings that its readers see.")  # type: ignore[prop-decorator]
    @property
    def flagged(self) -> bool:
        return bool(rules_for_readers(finding.rule for finding in self.findings))

    @classmethod
    def of(cls, document: DocumentDetails) -> "DocumentResponse":
        quarantine = None
        if document.quarantine_id:
            reason = document.reason or ""
            quarantine = QuarantineSummaryResponse(
                id=document.quarantine_id,
                reason=reason,
                detail=document.detail or "",
                action=ACTIONS.get(reason, ""),
            )
        return cls.model_validate({**asdict(document), "quarantine": quarantine})


class DocumentPageResponse(BaseModel):
    items: list[DocumentResponse]
    next: str | None = Field(None, description="Pass it as 'after' for the next page; null on the last one.")


class QuarantineEntryResponse(BaseModel):
    """A version that was not published. Its original bytes are under /v1/quarantine/{id}/original."""

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
    def of(cls, entry: QuarantineEntry) -> "QuarantineEntryResponse":
        return cls.model_validate({**asdict(entry), "action": ACTIONS.get(entry.reason, "")})


class QuarantinePageResponse(BaseModel):
    items: list[QuarantineEntryResponse]
    next: str | None = None


class QuarantineDecisionRequest(ExactModel):
    note: str = Field(
        "",
        max_length=1000,
        description="Why; recorded with who decided and when.",
        json_schema_extra={"pattern": f"^$|{WORD_PATTERN}"},
    )


class QuarantineDecisionResponse(BaseModel):
    document_id: UUID
    status: str


class DocumentAccessRequest(ExactModel):
    access_groups: list[GroupName] = Field(max_length=MAX_GROUPS, description="Who may read it; none means everybody.")


class AccessRuleRequest(ExactModel):
    uri: str = Field(
        min_length=1, max_length=1000, description="An address; or a folder, with a slash at its end; or * for all."
    )
    access_groups: list[GroupName] = Field(
        max_length=MAX_GROUPS, description="Who may read them; none means everybody."
    )


class SourceAccessRequest(ExactModel):
    source: str = Field(
        min_length=1,
        max_length=100,
        description="Source of the documents, as in their uploads.",
        json_schema_extra={"pattern": SOURCE_PATTERN},
    )
    rules: list[AccessRuleRequest] = Field(max_length=MAX_RULES, description="The whole list; it replaces the old one.")


class AccessRuleResponse(ResponseModel):
    uri: str
    access_groups: list[str]


class SourceAccessResponse(ResponseModel):
    """set_at, set_by: of the newest change; null where no rule is set."""

    source: str
    rules: list[AccessRuleResponse]
    set_at: datetime | None
    set_by: str | None


class AccessChangeResponse(ResponseModel):
    documents: int = Field(description="Number of documents that the request named.")
    changed: int = Field(description="Number of documents whose readers are others than before.")
    opened: int = Field(description="Number of documents that somebody may read now who could not before.")
    warnings: list[str]
