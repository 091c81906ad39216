from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.base_models import ExactModel, ResponseModel
from app.core.reasons import Reason
from app.privacy.domain.requests import HoldKind, PrivacyRequest, RequestKind, RequestState, Selector


class SelectionRequest(ExactModel):
    """What an export or an erasure is about."""

    selector: Selector = Field(
        description="subject: a name, address or number, found as whole words; document: its id; conversation: the id "
        "that a client gave it; asker: the name of a key, for what was asked with it; key: its prefix, for that and "
        "the key; tenant: everything of the caller's tenant, whose name is the value."
    )
    value: str = Field(min_length=1, max_length=500)
    reason: Reason


class HoldRequest(ExactModel):
    kind: HoldKind
    subject_id: UUID
    reason: Reason


class LiftRequest(ExactModel):
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
        done = total if request.state == "done" else len(request.counters)
        return cls.model_validate({**asdict(request), "done": done, "total": total})


class PrivacyRequestListResponse(BaseModel):
    items: list[PrivacyRequestResponse]


class HoldResponse(ResponseModel):
    """A legal hold that is in force."""

    id: UUID
    kind: HoldKind
    subject_id: UUID
    reason: str
    placed_by: str
    placed_at: datetime


class HoldListResponse(BaseModel):
    items: list[HoldResponse]
