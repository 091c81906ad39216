"""The stored answers that a question continues."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answer import AnswerNotFound
from app.inference.domain.conversations.previous_response import MOST_TURNS, PreviousResponseNotFound
from app.inference.domain.human_review import AnswerHeld, ArchivedAnswer, JudgedTwice
from app.inference.service.archive import AnswerArchive, check_delivered, find_visible


async def past_answers(archive: AnswerArchive, caller: Principal, answer_id: UUID | None) -> tuple[ArchivedAnswer, ...]:
    """The answers of the conversation that ends with this one, the oldest first; at most MOST_TURNS. Of a question that
    went on with results of the client's tools only the last answer counts.

    Access is checked now: where the caller may not read an earlier answer any more, or it was erased, the conversation
    begins after it. Errors: PreviousResponseNotFound, also for the answer of another key; AnswerHeld.
    """
    found: list[ArchivedAnswer] = []
    async with archive.database.read(caller.tenant_id) as connection:
        answer = await _own(connection, caller, answer_id)
        if answer is None:
            raise PreviousResponseNotFound
        check_delivered(answer)
        while answer is not None and len(found) < MOST_TURNS:
            if not (found and answer.body.get("tool_calls") and answer.question == found[-1].question):
                found.append(answer)
            answer = await _own_delivered(connection, caller, answer.previous)
    return tuple(reversed(found))


async def _own(connection: AsyncConnection, caller: Principal, answer_id: UUID | None) -> ArchivedAnswer | None:
    if answer_id is None or not await repository.was_asked_by(connection, answer_id, caller.key_id):
        return None
    try:
        return await find_visible(connection, caller, answer_id)
    except (AnswerNotFound, JudgedTwice):
        return None


async def _own_delivered(
    connection: AsyncConnection, caller: Principal, answer_id: UUID | None
) -> ArchivedAnswer | None:
    answer = await _own(connection, caller, answer_id)
    try:
        if answer is not None:
            check_delivered(answer)
    except AnswerHeld:
        return None
    return answer
