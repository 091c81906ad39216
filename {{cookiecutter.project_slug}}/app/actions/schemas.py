from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from app.actions.domain import ActionOffer, ActionState, Origin, RiskClass, StoredAction
from app.actions.domain.ticket import Ticket, TicketStatus, TicketText
from app.core.base_models import ExactModel, ResponseModel


class ActionOfferResponse(BaseModel):
    """An action that a request may name."""

    name: str
    description: str
    risk: RiskClass
    permission: str = Field(description="The permission that a key needs for it.")
    parameters: dict[str, Any] = Field(description="JSON schema of its arguments.")

    @classmethod
    def of(cls, offer: ActionOffer) -> "ActionOfferResponse":
        return cls.model_validate({**asdict(offer), "permission": offer.scope})


class ActionCatalogueResponse(BaseModel):
    actions: list[ActionOfferResponse]


class ActionResponse(BaseModel):
    """An action that a model proposed, and its state. `sha256`: of the bytes that run."""

    id: UUID
    action: str
    risk: RiskClass
    state: ActionState
    arguments: dict[str, Any]
    origins: dict[str, list[Origin]] = Field(
        description="Where each argument comes from. passage, result and client: text that anybody may have written."
    )
    requester: str
    answer_id: UUID
    release_id: str
    sha256: str
    tainted: bool = Field(description="Whether the model had read untrusted text when it proposed this.")
    approved_by: str | None = Field(description="null: not approved yet, or no review rule applied.")
    edited: bool = Field(description="Whether a person changed the arguments.")
    reason: str = Field(description="Why it failed, was rejected or expired.")
    result: Any
    due_at: datetime | None = Field(description="When a waiting action expires.")
    created_at: datetime
    decided_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, action: StoredAction) -> "ActionResponse":
        names = set(cls.model_fields) - {"sha256", "due_at"}
        due_at = action.terms.due_at if action.terms and action.state == "waiting" else None
        return cls(**{name: getattr(action, name) for name in names}, sha256=action.digest, due_at=due_at)


class ActionPageResponse(BaseModel):
    items: list[ActionResponse]
    next: UUID | None

    @classmethod
    def of(cls, page: Sequence[StoredAction], limit: int) -> "ActionPageResponse":
        return cls(items=[ActionResponse.of(each) for each in page], next=page[-1].id if len(page) == limit else None)


class TicketRequest(ExactModel):
    title: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")
    text: TicketText = Field(pattern=r"^[^\x00]*$", description="The description of the issue.")


class TicketNoteResponse(ResponseModel):
    at: datetime
    author: str
    text: str
    action_id: UUID = Field(description="The action that wrote it.")


class TicketResponse(ResponseModel):
    number: int
    id: str = Field(description="The id that people and models use, such as T-12.")
    title: str
    text: str
    status: TicketStatus
    created_at: datetime
    created_by: str


class TicketWithNotesResponse(TicketResponse):
    notes: list[TicketNoteResponse]


class TicketPageResponse(BaseModel):
    items: list[TicketResponse]
    next: int | None

    @classmethod
    def of(cls, page: Sequence[Ticket], limit: int) -> "TicketPageResponse":
        next_number = page[-1].number if len(page) == limit else None
        return cls(items=[TicketResponse.model_validate(each) for each in page], next=next_number)
