"""What becomes of an answer that was held: the last step before it leaves."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import notify
from app.core.jobs import enqueue
from app.inference import repository
from app.inference.domain.answer import AnswerNotFound
from app.inference.domain.human_review import AnswerHeld, HeldAnswerEnd, PayloadChanged, ReviewDecision, ReviewedAnswer
from app.releases.domain import digest_of
from app.webhooks.domain import SEND_JOB, SEND_QUEUE

ANSWER_DECIDED_CHANNEL = "answer_decided"
"""The channel on which every process hears that an answer need not be waited for any more."""


@dataclass(frozen=True)
class HeldAnswers:
    """Answers that were sent to a person; each verb joins the caller's transaction."""

    async def find(self, connection: AsyncConnection, answer_id: UUID) -> ReviewedAnswer:
        """Errors: AnswerNotFound."""
        found = await repository.reviewed(connection, answer_id)
        if found is None:
            raise AnswerNotFound(f"There is no answer {answer_id} that a person is to look at.")
        return found

    async def deliver(
        self, connection: AsyncConnection, answer_id: UUID, payload: bytes, approved: str, edited: bool, at: datetime
    ) -> None:
        """Lets a held answer leave as `payload`, which must be what was approved. approved: its SHA-256.

        Errors: PayloadChanged, AnswerHeld when its wait has ended already.
        """
        if digest_of(payload) != approved:
            raise PayloadChanged(
                f"What would be delivered has the SHA-256 {digest_of(payload)[:12]}, not {approved[:12]}."
            )
        await self._end(connection, answer_id, "delivered", payload, edited, at)

    async def reject(self, connection: AsyncConnection, answer_id: UUID, at: datetime) -> None:
        """Nothing of it ever leaves. Errors: AnswerHeld when its wait has ended already."""
        found = await self.find(connection, answer_id)
        await self._end(connection, answer_id, "rejected", found.payload, False, at)

    async def lock(self, connection: AsyncConnection, answer_id: UUID) -> None:
        """Until the end of the transaction nobody else changes what is known of this answer."""
        await repository.lock(connection, answer_id)

    async def blind(self, connection: AsyncConnection, answer_id: UUID, on: bool) -> None:
        """Whether a second person judges it without knowing of the first."""
        await repository.blind(connection, answer_id, on)

    async def remember(
        self,
        connection: AsyncConnection,
        answer_id: UUID,
        opinion: ReviewDecision,
        reason: str,
        payload: bytes,
        at: datetime,
    ) -> None:
        """What a person made of an answer, for whoever reads it later. An answer that has left stays as it was.
        payload: as the person would have it.
        """
        await repository.judge(connection, answer_id, payload, opinion == "edited", at)
        await repository.remember(connection, answer_id, opinion, reason)

    async def _end(
        self,
        connection: AsyncConnection,
        answer_id: UUID,
        state: HeldAnswerEnd,
        payload: bytes,
        edited: bool,
        at: datetime,
    ) -> None:
        waiter = await repository.decide(connection, answer_id, state, payload, digest_of(payload), edited, at)
        if waiter is None:
            raise AnswerHeld(f"Answer {answer_id} waits for nobody any more.")
        await notify(connection, ANSWER_DECIDED_CHANNEL, str(answer_id))
        if waiter.url:
            notice = waiter.notice(waiter.url, answer_id, state, at)
            await enqueue(connection, SEND_JOB, queue=SEND_QUEUE, **notice.job)
