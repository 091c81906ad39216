from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.change_waiter import ChangeWaiter
from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.json_types import JsonObject, JsonValue
from app.core.redaction import redact
from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answer import AnswerNotFound
from app.inference.domain.human_review import AnswerHeld, ArchivedAnswer, HeldAnswer, JudgedTwice, is_hidden_from


@dataclass(frozen=True)
class AnswerArchive:
    """Stored answers and feedback on them. An answer is not found for a caller who may not read all of its documents,
    also for its asker once a document is restricted or deleted.
    """

    database: Database
    clock: Clock
    waiting: ChangeWaiter

    async def show(self, caller: Principal, answer_id: UUID, wait: float = 0.0) -> JsonObject:
        """The answer as it was delivered, with its question; for a held or rejected answer only its state.

        wait: seconds to wait for the decision on a held answer. Errors: AnswerNotFound, JudgedTwice.
        """

        async def read() -> JsonObject:
            return await self._read(caller, answer_id)

        return await self.waiting.until(answer_id, read, lambda body: body["status"] != "held", wait)

    async def rate(self, caller: Principal, answer_id: UUID, helpful: bool, comment: str) -> None:
        """Stores feedback and replaces an earlier one of the key. Errors: AnswerNotFound, AnswerHeld, JudgedTwice."""
        async with self.database.transaction(caller.tenant_id) as connection:
            answer = await find_visible(connection, caller, answer_id)
            check_delivered(answer)
            await repository.add_feedback(
                connection,
                id=new_id(),
                tenant_id=caller.tenant_id,
                answer_id=answer_id,
                key_id=caller.key_id,
                helpful=helpful,
                comment=comment,
                at=self.clock.now(),
            )

    async def _read(self, caller: Principal, answer_id: UUID) -> JsonObject:
        async with self.database.read(caller.tenant_id) as connection:
            answer = await find_visible(connection, caller, answer_id)
        return response_body(answer, caller)


def response_body(answer: ArchivedAnswer, caller: Principal) -> JsonObject:
    """What this caller may see of a stored answer, as JSON."""
    question = redact(answer.question)
    if answer.state is None:
        return {"question": question, **answer.body}
    if answer.state == "delivered":
        body = orjson.loads(answer.payload or b"") if answer.timing == "before" else answer.body
        return {"question": question, **body, **_review(answer, caller)}
    if answer.due_at is None:
        raise ValueError(f"held answer {answer.id} has no due date")
    held = HeldAnswer(
        answer.id, answer.created_at, answer.due_at, answer.release_id, answer.trace_id, answer.environment
    ).as_dict()
    warnings = answer.body.get("warnings")
    warned = {"warnings": warnings} if warnings else {}
    dates = {"created_at": _utc(answer.created_at), "due_at": _utc(answer.due_at)}
    if answer.state == "rejected":
        dates |= {"decided_at": _utc(answer.decided_at)}
    return {"question": question, **held, **warned, **dates, "status": answer.state}


def _review(answer: ArchivedAnswer, caller: Principal) -> JsonObject:
    """The review of a delivered answer; its reason only for those who may read reviews."""
    if answer.decided_at is None or _is_hidden_from(answer, caller):
        return {}
    review: dict[str, JsonValue] = {
        "outcome": answer.outcome or ("edited" if answer.edited else "approved"),
        "timing": answer.timing,
        "edited": answer.edited,
        "decided_at": _utc(answer.decided_at),
        "sha256": answer.digest,
    }
    if answer.edited and answer.timing == "after":
        review["text"] = orjson.loads(answer.payload or b"")["text"]
    if answer.reason is not None and caller.may("reviews:read"):
        review["reason"] = answer.reason
    return {"review": review}


async def find_visible(connection: AsyncConnection, caller: Principal, answer_id: UUID) -> ArchivedAnswer:
    """Errors: AnswerNotFound, also where the caller may not read its documents; JudgedTwice, where the state of the
    answer would show a second reviewer the first decision.
    """
    answer = await repository.find(connection, answer_id, caller.groups)
    if answer is None:
        raise AnswerNotFound(f"There is no answer {answer_id}.")
    if answer.timing == "before" and _is_hidden_from(answer, caller):
        raise JudgedTwice(f"Answer {answer.id} is judged twice.")
    return answer


def _is_hidden_from(answer: ArchivedAnswer, caller: Principal) -> bool:
    return is_hidden_from(caller, answer.blind, answer.asker_key, answer.asker)


def check_delivered(answer: ArchivedAnswer) -> None:
    """Errors: AnswerHeld for a held or rejected answer."""
    if answer.state in ("held", "rejected"):
        raise AnswerHeld(f"Answer {answer.id} is {answer.state}.")


def _utc(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None
