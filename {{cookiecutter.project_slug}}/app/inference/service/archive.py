from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

import orjson

from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.waiting import Waiting
from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answer import AnswerNotFound
from app.inference.domain.human_review import AnswerHeld, HeldAnswer, JudgedTwice


@dataclass(frozen=True)
class AnswerArchive:
    """Answers that were delivered, what people thought of them, and those that wait for a person. To who may not read
    what an answer came out of, there is no such answer; not even to its asker, once a document is closed or deleted.
    """

    database: Database
    clock: Clock
    waiting: Waiting

    async def show(self, caller: Principal, answer_id: UUID, wait: float = 0.0) -> dict[str, Any]:
        """The answer as it was delivered, with its question; of one that is held or was rejected only that.

        wait: seconds to wait for the decision on one that is held. Errors: AnswerNotFound, JudgedTwice.
        """

        async def look() -> dict[str, Any]:
            return await self._shown(caller, answer_id)

        return await self.waiting.until(answer_id, look, lambda shown: shown["status"] != "held", wait)

    async def rate(self, caller: Principal, answer_id: UUID, helpful: bool, comment: str) -> None:
        """The last word of a key on an answer counts. Errors: AnswerNotFound, AnswerHeld, JudgedTwice."""
        async with self.database.transaction(caller.tenant_id) as connection:
            kept = await repository.find(connection, answer_id, caller.groups)
            if kept is None:
                raise AnswerNotFound(f"There is no answer {answer_id}.")
            check_sight(kept, caller)
            check_left(kept)
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

    async def _shown(self, caller: Principal, answer_id: UUID) -> dict[str, Any]:
        async with self.database.read(caller.tenant_id) as connection:
            found = await repository.find(connection, answer_id, caller.groups)
        if found is None:
            raise AnswerNotFound(f"There is no answer {answer_id}.")
        check_sight(found, caller)
        return shown(found, caller)


def shown(found: Any, caller: Principal) -> dict[str, Any]:
    """What this caller may see of an answer as it stands in the database."""
    if found.state is None:
        return {"question": found.question, **found.body}
    if found.state == "delivered":
        body = orjson.loads(bytes(found.payload)) if found.timing == "before" else found.body
        return {"question": found.question, **body, **_reviewed(found, caller)}
    held = HeldAnswer(
        found.id, found.created_at, found.due_at, found.release_id, found.trace_id, found.environment
    ).as_dict()
    waited = {"created_at": _utc(found.created_at), "due_at": _utc(found.due_at)}
    if found.state == "rejected":
        waited |= {"decided_at": _utc(found.decided_at)}
    return {"question": found.question, **held, **waited, "status": found.state}


def _reviewed(found: Any, caller: Principal) -> dict[str, Any]:
    """What a person made of an answer that has left. The reason is theirs, for those who may read reviews."""
    if found.decided_at is None or _kept_from(found, caller):
        return {}
    opinion: dict[str, Any] = {
        "outcome": found.outcome or ("edited" if found.edited else "approved"),
        "timing": found.timing,
        "edited": found.edited,
        "decided_at": _utc(found.decided_at),
        "sha256": found.digest,
    }
    if found.edited and found.timing == "after":
        opinion["text"] = orjson.loads(bytes(found.payload))["text"]
    if found.reason is not None and caller.may("reviews:read"):
        opinion["reason"] = found.reason
    return {"review": opinion}


def check_sight(found: Any, caller: Principal) -> None:
    """Errors: JudgedTwice, where what became of the answer would tell a second reviewer of the first."""
    if found.timing == "before" and _kept_from(found, caller):
        raise JudgedTwice(f"Answer {found.id} is judged twice.")


def _kept_from(found: Any, caller: Principal) -> bool:
    asked = caller.key_id == found.asker_key or caller.name == found.asker
    return bool(found.blind) and caller.may("reviews:decide") and not asked


def check_left(found: Any) -> None:
    """Errors: AnswerHeld when the asker has not got this answer."""
    if found.state in ("held", "rejected"):
        raise AnswerHeld(f"Answer {found.id} is {found.state}.")


def _utc(at: Any) -> Any:
    return at.astimezone(UTC) if at else None
