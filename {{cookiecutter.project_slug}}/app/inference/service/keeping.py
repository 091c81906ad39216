from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answers import AnswerMissing


@dataclass(frozen=True)
class Archive:
    """Answers that were delivered, and what people thought of them."""

    database: Database
    clock: Clock

    async def show(self, caller: Principal, answer_id: UUID) -> dict[str, Any]:
        """The answer as it was delivered, with its question. Errors: AnswerMissing."""
        async with self.database.read(caller.tenant_id) as connection:
            found = await repository.find(connection, answer_id)
        if found is None:
            raise AnswerMissing(f"There is no answer {answer_id}.")
        return {"question": found.question, **found.body}

    async def rate(self, caller: Principal, answer_id: UUID, helpful: bool, comment: str) -> None:
        """The last word of a key on an answer counts. Errors: AnswerMissing."""
        async with self.database.transaction(caller.tenant_id) as connection:
            if await repository.find(connection, answer_id) is None:
                raise AnswerMissing(f"There is no answer {answer_id}.")
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
