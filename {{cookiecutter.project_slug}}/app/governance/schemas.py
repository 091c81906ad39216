from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.audit import Head, Line
from app.core.base_models import ExactModel, ResponseModel
from app.core.reasons import Reason
from app.core.times import Moment
from app.governance.domain.approval_rules import Approval, ApprovalKind, Emergency


class ApprovalRequest(ExactModel):
    reason: Reason
    report: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="SHA-256 of the report you read; refused when there is a newer one."
    )
    expires_at: Moment | None = Field(None, description="When the approval ends; else as the policy says.")


class ApprovalReasonRequest(ExactModel):
    reason: Reason


class ApprovalResponse(ResponseModel):
    id: UUID
    release_id: str
    environment: str
    kind: ApprovalKind = Field(description="An approval, or an exception: first_release or break_glass.")
    report: str | None = Field(description="SHA-256 of the report it is bound to.")
    approver: str
    role: str
    at: datetime
    expires_at: datetime | None
    reason: str


class ApprovalCreatedResponse(BaseModel):
    approval: ApprovalResponse
    lacking: str | None = Field(description="What still keeps the release from going live; null when nothing does.")


class ApprovalListResponse(BaseModel):
    items: list[ApprovalResponse]
    lacking: str | None = Field(description="What keeps the release from going live now; null when nothing does.")

    @classmethod
    def of(cls, approvals: Sequence[Approval], lacking: str | None) -> "ApprovalListResponse":
        return cls(items=[ApprovalResponse.model_validate(each) for each in approvals], lacking=lacking)


class EmergencyResponse(BaseModel):
    approval: ApprovalResponse
    due: datetime = Field(description="When its review is due.")
    reviewer: str | None
    reviewed_at: datetime | None
    review_reason: str | None = Field(description="The reason that the reviewer gave.")

    @classmethod
    def of(cls, emergency: Emergency) -> "EmergencyResponse":
        review = emergency.review
        return cls(
            approval=ApprovalResponse.model_validate(emergency.approval),
            due=emergency.due,
            reviewer=review and review.reviewer,
            reviewed_at=review and review.at,
            review_reason=review and review.reason,
        )


class AuditLineResponse(ResponseModel):
    """One act of control. `hash` is the SHA-256 of everything else in the line, `previous` the hash before it."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    before: str | None
    after: str | None
    reason: str
    trace_id: str
    tenant_id: UUID | None
    previous: str
    hash: str


class AuditPageResponse(BaseModel):
    items: list[AuditLineResponse]
    below: int | None = Field(description="Give this as `below` for the next page; null at the end.")

    @classmethod
    def of(cls, lines: Sequence[Line], limit: int) -> "AuditPageResponse":
        items = [AuditLineResponse.model_validate(line) for line in lines]
        return cls(items=items, below=items[-1].sequence if len(items) == limit else None)


class AuditHeadResponse(BaseModel):
    """Keep it outside the database: with it, 'app audit verify --head' detects that the newest lines were removed."""

    sequence: int = Field(description="0 while the log is empty.")
    hash: str

    @classmethod
    def of(cls, head: Head | None) -> "AuditHeadResponse":
        return cls(sequence=head.sequence, hash=head.hash) if head else cls(sequence=0, hash="")
