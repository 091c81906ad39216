from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from app.actions.domain import Entered, Offer, RiskClass, State


class ActionOffered(BaseModel):
    """An action that a request may name."""

    name: str
    description: str
    risk: RiskClass
    permission: str = Field(description="What a key needs to have it done.")
    parameters: dict[str, Any] = Field(description="JSON schema of its arguments.")

    @classmethod
    def of(cls, offer: Offer) -> "ActionOffered":
        return cls(
            name=offer.name,
            description=offer.description,
            risk=offer.risk,
            permission=offer.scope,
            parameters=offer.parameters,
        )


class Catalogue(BaseModel):
    actions: list[ActionOffered]


class ActionShown(BaseModel):
    """An action that a model proposed, and what became of it. `sha256` is that of the bytes that run."""

    id: UUID
    action: str
    risk: RiskClass
    state: State
    arguments: dict[str, Any]
    requester: str
    answer_id: UUID
    release_id: str
    sha256: str
    tainted: bool = Field(description="Whether text that anybody may have written had reached the model before.")
    approved_by: str | None = Field(description="null: nobody yet, or no rule wanted a person.")
    edited: bool = Field(description="Whether a person changed the arguments.")
    reason: str = Field(description="Why it failed, was rejected or expired.")
    result: Any
    due_at: datetime | None = Field(description="When a waiting action expires.")
    created_at: datetime
    decided_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, entered: Entered) -> "ActionShown":
        own = ("id", "action", "risk", "state", "arguments", "requester", "answer_id", "release_id", "tainted")
        what_became = ("approved_by", "edited", "reason", "result", "created_at", "decided_at", "ended_at")
        told = {name: getattr(entered, name) for name in (*own, *what_became)}
        due = entered.terms.due_at if entered.terms and entered.state == "waiting" else None
        return cls(**told, sha256=entered.digest, due_at=due)


class ActionPage(BaseModel):
    items: list[ActionShown]
    next: UUID | None

    @classmethod
    def of(cls, found: Sequence[Entered], limit: int) -> "ActionPage":
        return cls(items=[ActionShown.of(each) for each in found], next=found[-1].id if len(found) == limit else None)
