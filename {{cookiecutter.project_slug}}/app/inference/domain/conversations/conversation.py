"""A conversation that is kept: the answers that one caller got under one id, in the order in which they were stored."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.errors import Conflict, Invalid, NotFound

MAX_NAME_CHARACTERS = 200


class ConversationNotFound(NotFound):
    code, title = "conversation_not_found", "No such conversation"
    action = "GET /v1/conversations lists the conversations of this key; those of others cannot be read."


class ConversationInvalid(Invalid):
    code, title = "conversation_invalid", "That is not the id of a conversation"
    action = f"Send an id of 1 to {MAX_NAME_CHARACTERS} characters."


class ConversationFull(Conflict):
    code, title = "conversation_full", "The conversation has as many turns as it may have"
    action = "Begin another conversation."


class TooManyConversations(Conflict):
    code, title = "too_many_conversations", "This key has as many conversations as it may have"
    action = "Delete one by DELETE /v1/conversations/{id}, or continue one of them."


@dataclass(frozen=True, slots=True)
class Conversation:
    """id: the caller's own id of it. turns: how many answers were given in it; those erased since count too."""

    id: str
    created_at: datetime
    last_at: datetime
    turns: int


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn as its caller may read it now. answer: None while it is held, and when it was rejected."""

    number: int
    answer_id: UUID
    created_at: datetime
    question: str
    searched_for: str | None
    status: str
    answer: str | None


def check_id(text: str) -> str:
    """Errors: ConversationInvalid."""
    if not text.strip() or len(text) > MAX_NAME_CHARACTERS or "\x00" in text:
        raise ConversationInvalid
    return text
