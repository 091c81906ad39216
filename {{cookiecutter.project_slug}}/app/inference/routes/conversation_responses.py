from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.base_models import ResponseModel
from app.inference.domain.conversations import Conversation, StoredTurn


class ConversationResponse(ResponseModel):
    """A conversation of the caller. `turns` counts those erased since too."""

    id: str
    created_at: datetime
    last_at: datetime = Field(description="When its newest answer was given.")
    turns: int


class ConversationPageResponse(BaseModel):
    """The one with the newest answer first. next: for `before` of the next page; null for none."""

    items: list[ConversationResponse]
    next: datetime | None

    @classmethod
    def of(cls, found: list[Conversation], limit: int) -> "ConversationPageResponse":
        items = [ConversationResponse.model_validate(each) for each in found[:limit]]
        return cls(items=items, next=items[-1].last_at if len(found) > limit else None)


class TurnResponse(ResponseModel):
    """A question and its answer as they may be read now. answer: null while it is held, and when it was rejected."""

    number: int
    answer_id: UUID
    created_at: datetime
    question: str
    searched_for: str | None
    status: Literal["answered", "refused", "held", "rejected"]
    answer: str | None


class ConversationTurnsResponse(ConversationResponse):
    """A conversation with its last turns, the oldest first."""

    items: list[TurnResponse]

    @classmethod
    def of_turns(cls, found: Conversation, turns: list[StoredTurn]) -> "ConversationTurnsResponse":
        items = [TurnResponse.model_validate(each) for each in turns]
        return cls(id=found.id, created_at=found.created_at, last_at=found.last_at, turns=found.turns, items=items)
