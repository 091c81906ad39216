from collections.abc import Mapping
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.reasons import Reason
from app.privacy.domain.requests import HoldKind, LegalHold, PrivacyRequest, RequestKind, RequestState, Selector


class SelectionRequest(BaseModel):
    """What an export or an erasure is about."""

    model_config = ConfigDict(extra="forbid")

    selector: Selector = Field(
        description="subject: a name, address or number, found as whole words; document: its id; conversation: the id "
        "that a client gave it; asker: the name of a key, for what was asked with it; key: its prefix, for that and "
        "the key; tenant: everything of the caller's tenant, whose name is the value."
    )
    value: str = Field(min_length=1, max_length=500)
    reason: Reason


class HoldRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: HoldKind
    subject_id: UUID
    reason: Reason


class LiftRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason


class PrivacyRequestResponse(BaseModel):
    """A request with its receipt and its progress."""

    id: UUID
    kind: RequestKind
    selector: Selector
    subject: str = Field(description="An id, or the keyed hash of a text.")
    reason: str
    requested_by: str
    requested_at: datetime
    state: RequestState = Field(description="blocked: a legal hold is on some of it, and nothing was erased.")
    blocked_by: str | None
    done: int = Field(description="Steps of an erasure that have run.")
    total: int
    counters: Mapping[str, int] = Field(description="Rows that were erased or exported, by store.")
    ended_at: datetime | None

    @classmethod
    def of(cls, request: PrivacyRequest, steps: int) -> Self:
        """steps: how many an erasure has."""
        total = steps if request.kind == "erase" else len(request.counters)
        return cls(
            id=request.id,
            kind=request.kind,
            selector=request.selector,
            subject=request.subject,
            reason=request.reason,
            requested_by=request.requested_by,
            requested_at=request.requested_at,
            state=request.state,
            blocked_by=request.blocked_by,
            done=total if request.state == "done" else len(request.counters),
            total=total,
            counters=request.counters,
            ended_at=request.ended_at,
        )


class PrivacyRequestListResponse(BaseModel):
    items: list[PrivacyRequestResponse]


class HoldResponse(BaseModel):
    """A legal hold that is in force."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: HoldKind
    subject_id: UUID
    reason: str
    placed_by: str
    placed_at: datetime

    @classmethod
    def of(cls, hold: LegalHold) -> Self:
        return cls.model_validate(hold)


class HoldListResponse(BaseModel):
    items: list[HoldResponse]
