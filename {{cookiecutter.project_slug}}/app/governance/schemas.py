from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.audit import Head, Line
from app.core.reasons import Reason
from app.governance.domain.approvals import Approval, Emergency, Kind


class ApprovalRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason
    report: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="SHA-256 of the report you read; refused when there is a newer one."
    )
    expires_at: datetime | None = Field(None, description="When the approval ends; else as the policy says.")


class ReasonRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason


class ApprovalShown(BaseModel):
    id: UUID
    release_id: str
    environment: str
    kind: Kind = Field(description="An approval, or an exception: first_release or break_glass.")
    report: str | None = Field(description="SHA-256 of the report it is bound to.")
    approver: str
    role: str
    at: datetime
    expires_at: datetime | None
    reason: str

    @classmethod
    def of(cls, approval: Approval) -> "ApprovalShown":
        return cls(**asdict(approval))


class ApprovalGiven(BaseModel):
    approval: ApprovalShown
    lacking: str | None = Field(description="What still keeps the release from going live; null when nothing does.")


class ApprovalList(BaseModel):
    items: list[ApprovalShown]
    lacking: str | None = Field(description="What keeps the release from going live now; null when nothing does.")

    @classmethod
    def of(cls, given: Sequence[Approval], lacking: str | None) -> "ApprovalList":
        return cls(items=[ApprovalShown.of(each) for each in given], lacking=lacking)


class EmergencyShown(BaseModel):
    approval: ApprovalShown
    due: datetime = Field(description="By when somebody reviews it.")
    reviewer: str | None
    reviewed_at: datetime | None
    said: str | None = Field(description="What the reviewer said.")

    @classmethod
    def of(cls, emergency: Emergency) -> "EmergencyShown":
        review = emergency.review
        return cls(
            approval=ApprovalShown.of(emergency.approval),
            due=emergency.due,
            reviewer=review and review.reviewer,
            reviewed_at=review and review.at,
            said=review and review.reason,
        )


class LineShown(BaseModel):
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


class AuditPage(BaseModel):
    items: list[LineShown]
    below: int | None = Field(description="Give this as `below` for the next page; null at the end.")

    @classmethod
    def of(cls, lines: Sequence[Line], limit: int) -> "AuditPage":
        items = [LineShown(**asdict(line)) for line in lines]
        return cls(items=items, below=items[-1].sequence if len(items) == limit else None)


class HeadShown(BaseModel):
    """Keep it outside of the database: with it, 'app audit verify --head' finds a tail that was cut."""

    sequence: int = Field(description="0 while the log is empty.")
    hash: str

    @classmethod
    def of(cls, head: Head | None) -> "HeadShown":
        return cls(sequence=head.sequence, hash=head.hash) if head else cls(sequence=0, hash="")
