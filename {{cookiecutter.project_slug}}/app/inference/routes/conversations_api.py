from typing import Annotated

from fastapi import APIRouter, Query

from app.core.http import provided
from app.core.times import Moment
from app.inference.routes.conversation_responses import ConversationPageResponse, ConversationTurnsResponse
from app.inference.routes.dependencies import Asker, Reader
from app.inference.service import Conversations

router = APIRouter(prefix="/v1/conversations", tags=["answers"])

ConversationsService = Annotated[Conversations, provided(Conversations)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("")
async def list_conversations(
    caller: Reader,
    conversations: ConversationsService,
    before: Annotated[Moment | None, Query(description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> ConversationPageResponse:
    """The conversations of this key or person, the one with the newest answer first."""
    found = await conversations.page(caller, before, limit + 1)
    return ConversationPageResponse.of(found, limit)


@router.get("/{conversation_id:path}")
async def show_conversation(
    conversation_id: str, caller: Reader, conversations: ConversationsService, limit: Limit = 100
) -> ConversationTurnsResponse:
    """A conversation of this key or person, with its last turns. Those whose documents the caller may not read now are
    left out."""
    found, turns = await conversations.show(caller, conversation_id, limit)
    return ConversationTurnsResponse.of_turns(found, turns)


@router.delete("/{conversation_id:path}", status_code=204)
async def delete_conversation(conversation_id: str, caller: Asker, conversations: ConversationsService) -> None:
    """Forgets a conversation: its id and which answers belong to it. The answers stay as long as others do."""
    await conversations.delete(caller, conversation_id)
