from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.audit import Head, Line
from app.core.base_models import ExactModel, ResponseModel
from app.core.reasons import Reason
from app.core.times import Moment
from app.governance.domain.approval_rules import Approval, ApprovalKind, Emergency
from app.governance.domain.readiness.report import CheckResult, ReadinessReport
from app.governance.domain.readiness.statements import StatementKind
from app.governance.domain.readiness.vocabulary import QUESTIONS, PlanPhase, ReadinessStatus


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


PersonName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"\S")]


class AttestationRequest(ExactModel):
    reason: Reason
    owner: PersonName | None = Field(None, description="Who answers for it; else the name of the key.")
    expires_at: Moment | None = Field(None, description="When it ends; else the latest that the policy allows.")


class WaiverRequest(ExactModel):
    reason: Reason
    owner: PersonName = Field(description="Who answers for it.")
    expires_at: Moment | None = Field(None, description="When it ends; else the latest that the policy allows.")


class WithdrawalRequest(ExactModel):
    kind: StatementKind
    reason: Reason


class StatementResponse(ResponseModel):
    id: UUID
    kind: StatementKind
    check_id: str
    owner: str
    actor: str
    reason: str
    subject: str = Field(description="SHA-256 of what was attested; empty for a waiver.")
    at: datetime
    expires_at: datetime
    withdrawn: bool


class CheckResponse(BaseModel):
    """One check: what it expects, what it found, and what helps."""

    id: str
    status: ReadinessStatus
    required: bool
    expects: str
    found: str
    looked_at: str
    digest: str = Field(description="SHA-256 of the values that decided.")
    evidence_at: datetime | None = Field(description="When the evidence came about; null: it is of now.")
    max_age_days: int | None = Field(description="How old the evidence may be; null: it is always of now.")
    owner: str
    phase: PlanPhase = Field(description="Days 1-30, 31-60 or 61-90 of the plan.")
    page: str = Field(description="The page of docs/ that helps.")
    next_step: str
    attested: bool = Field(description="Only a person can say it.")
    waiver: StatementResponse | None

    @classmethod
    def of(cls, result: CheckResult) -> "CheckResponse":
        check, evidence = result.check, result.evidence
        return cls(
            id=check.id,
            status=result.status,
            required=result.required,
            expects=check.expects,
            found=result.found,
            looked_at=evidence.looked_at,
            digest=evidence.digest,
            evidence_at=evidence.at,
            max_age_days=result.max_age_days,
            owner=result.owner,
            phase=check.phase,
            page=check.page,
            next_step=check.next_step,
            attested=check.attested,
            waiver=StatementResponse.model_validate(result.waiver) if result.waiver else None,
        )


class QuestionResponse(BaseModel):
    id: str
    question: str
    status: ReadinessStatus = Field(description="The worst status of its required checks.")
    checks: list[CheckResponse]


class ReadinessResponse(BaseModel):
    service: str
    at: datetime
    ready: bool = Field(description="False while a required check is red.")
    questions: list[QuestionResponse]

    @classmethod
    def of(cls, report: ReadinessReport) -> "ReadinessResponse":
        questions = [
            QuestionResponse(
                id=name,
                question=QUESTIONS[name],
                status=status,
                checks=[CheckResponse.of(each) for each in report.of_question(name)],
            )
            for name, status in report.questions.items()
        ]
        return cls(service=report.service, at=report.at, ready=report.ready, questions=questions)
