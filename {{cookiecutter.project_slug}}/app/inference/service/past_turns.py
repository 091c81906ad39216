"""The turns that a question continues, found from stored answers."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answer import AnswerNotFound
from app.inference.domain.human_review import AnswerHeld, ArchivedAnswer, JudgedTwice
from app.inference.domain.past_turn import MOST_TURNS, PastTurn, PreviousResponseNotFound
from app.inference.service.archive import AnswerArchive, check_delivered, find_visible, response_body


async def past_turns(archive: AnswerArchive, caller: Principal, answer_id: UUID | None) -> tuple[PastTurn, ...]:
    """The turns that end with this answer, the oldest first; at most MOST_TURNS.

    Access is checked now: where the caller may not read an earlier answer any more, or it was erased, the conversation
    begins after it. Errors: PreviousResponseNotFound, also for the answer of another key; AnswerHeld.
    """
    turns: list[PastTurn] = []
    async with archive.database.read(caller.tenant_id) as connection:
        answer = await _own(connection, caller, answer_id)
        if answer is None:
            raise PreviousResponseNotFound
        check_delivered(answer)
        while answer is not None and len(turns) < MOST_TURNS:
            turns.append(_turn(answer, caller))
            answer = await _own_delivered(connection, caller, answer.previous)
    return tuple(reversed(turns))


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


def _turn(answer: ArchivedAnswer, caller: Principal) -> PastTurn:
    body = response_body(answer, caller)
    return PastTurn(str(body["question"]), str(body["text"]))
