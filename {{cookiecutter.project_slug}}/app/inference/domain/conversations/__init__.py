from app.inference.domain.conversations.conversation import (
    Conversation,
    ConversationFull,
    ConversationInvalid,
    ConversationNotFound,
    StoredTurn,
    TooManyConversations,
)
from app.inference.domain.conversations.turns import Turn, bounded, turns_of

__all__ = [
    "Conversation",
    "ConversationFull",
    "ConversationInvalid",
    "ConversationNotFound",
    "StoredTurn",
    "TooManyConversations",
    "Turn",
    "bounded",
    "turns_of",
]
