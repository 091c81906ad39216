"""Kept conversations: whose they are, what of them may be read now, and how much of them there may be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database
from app.core.redaction import redact
from app.identity.domain import Principal
from app.inference.domain.conversations import (
    Conversation,
    ConversationFull,
    ConversationNotFound,
    StoredTurn,
    TooManyConversations,
    Turn,
)
from app.inference.domain.conversations.conversation import check_id
from app.inference.repository import turn_storage as repository
from app.inference.repository.turn_storage import ConversationKey
from app.safety.domain.policy import Limits


@dataclass(frozen=True)
class Conversations:
    """The conversations of a caller: of its key, or of the identity behind its token. Another caller of the tenant
    neither continues nor reads them; the same id of another caller is another conversation.

    A turn refers to its stored answer. It is read while the caller may read all documents of that answer, and goes with
    it, by retention or erasure.
    """

    database: Database

    async def history(self, caller: Principal, name: str, limits: Limits) -> tuple[Turn, ...]:
        """The last turns that the caller may read now, oldest first; none of a conversation that has not begun.

        Errors: ConversationInvalid, ConversationFull, TooManyConversations.
        """
        key = ConversationKey.of(caller, check_id(name))
        async with self.database.read(caller.tenant_id) as connection:
            found = await repository.find_conversation(connection, key)
            if found is None:
                most = limits.conversations_per_caller
                if await repository.count_conversations(connection, caller, most) >= most:
                    raise TooManyConversations(f"A key has at most {most:,} conversations.")
                return ()
            if found.turns >= limits.conversation_turns:
                raise ConversationFull(f"A conversation has at most {limits.conversation_turns:,} turns.")
            return tuple(await repository.last_turns(connection, key, caller.groups, limits.history_turns))

    async def turns_of(self, caller: Principal, answers: Sequence[UUID]) -> dict[UUID, Turn]:
        """Those of the answers that the caller may read now, as turns."""
        if not answers:
            return {}
        async with self.database.read(caller.tenant_id) as connection:
            return await repository.turns_of_answers(connection, caller.tenant_id, answers, caller.groups)

    async def page(self, caller: Principal, before: datetime | None = None, limit: int = 50) -> list[Conversation]:
        """The one with the newest answer first. before: only those whose newest answer is older."""
        async with self.database.read(caller.tenant_id) as connection:
            return await repository.list_conversations(connection, caller, before, limit)

    async def show(self, caller: Principal, name: str, limit: int) -> tuple[Conversation, list[StoredTurn]]:
        """A conversation with its last turns that the caller may read now. Errors: ConversationNotFound."""
        key = ConversationKey.of(caller, name)
        async with self.database.read(caller.tenant_id) as connection:
            if (found := await repository.find_conversation(connection, key)) is None:
                raise ConversationNotFound
            turns = await repository.list_stored_turns(connection, key, caller.groups, limit)
        return found, [replace(turn, question=redact(turn.question)) for turn in turns]

    async def delete(self, caller: Principal, name: str) -> None:
        """Forgets which answers belong together; the answers stay. Errors: ConversationNotFound."""
        async with self.database.transaction(caller.tenant_id) as connection:
            if not await repository.delete_conversation(connection, ConversationKey.of(caller, name)):
                raise ConversationNotFound


async def keep_turn(connection: AsyncConnection, caller: Principal, name: str, answer_id: UUID, at: datetime) -> None:
    """Adds an answer to a conversation of the caller, in the transaction that stores the answer."""
    await repository.add_turn(connection, ConversationKey.of(caller, name), answer_id, at)
