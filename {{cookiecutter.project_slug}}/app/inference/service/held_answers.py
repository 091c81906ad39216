"""Held answers, each delivered or rejected exactly once."""

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
"""The channel that notifies every process of a decision on a held answer."""


@dataclass(frozen=True)
class HeldAnswers:
    """Answers in human review. Every method joins the caller's transaction."""

    async def find(self, connection: AsyncConnection, answer_id: UUID) -> ReviewedAnswer:
        """Errors: AnswerNotFound."""
        reviewed = await repository.reviewed(connection, answer_id)
        if reviewed is None:
            raise AnswerNotFound(f"There is no answer {answer_id} in human review.")
        return reviewed

    async def deliver(
        self, connection: AsyncConnection, answer_id: UUID, payload: bytes, approved: str, edited: bool, at: datetime
    ) -> None:
        """Delivers a held answer as `payload`, which must be what was approved. approved: its SHA-256.

        Errors: PayloadChanged, AnswerHeld when it has already been decided.
        """
        if digest_of(payload) != approved:
            raise PayloadChanged(
                f"What would be delivered has the SHA-256 {digest_of(payload)[:12]}, not {approved[:12]}."
            )
        await self._end(connection, answer_id, "delivered", payload, edited, at)

    async def reject(self, connection: AsyncConnection, answer_id: UUID, at: datetime) -> None:
        """Rejects a held answer. Errors: AnswerHeld when it has already been decided."""
        reviewed = await self.find(connection, answer_id)
        await self._end(connection, answer_id, "rejected", reviewed.payload, False, at)

    async def lock(self, connection: AsyncConnection, answer_id: UUID) -> None:
        """Locks the answer until the end of the transaction."""
        await repository.lock(connection, answer_id)

    async def blind(self, connection: AsyncConnection, answer_id: UUID, on: bool) -> None:
        """Sets whether a second reviewer decides without seeing the first decision."""
        await repository.blind(connection, answer_id, on)

    async def remember(
        self,
        connection: AsyncConnection,
        answer_id: UUID,
        outcome: ReviewDecision,
        reason: str,
        payload: bytes,
        at: datetime,
    ) -> None:
        """Stores the decision with the answer; a delivered answer does not change. payload: the answer as edited."""
        await repository.judge(connection, answer_id, payload, outcome == "edited", at)
        await repository.remember(connection, answer_id, outcome, reason)

    async def _end(
        self,
        connection: AsyncConnection,
        answer_id: UUID,
        state: HeldAnswerEnd,
        payload: bytes,
        edited: bool,
        at: datetime,
    ) -> None:
        requester = await repository.decide(connection, answer_id, state, payload, digest_of(payload), edited, at)
        if requester is None:
            raise AnswerHeld(f"Answer {answer_id} has already been decided.")
        await notify(connection, ANSWER_DECIDED_CHANNEL, str(answer_id))
        if requester.url:
            notice = requester.notice(requester.url, answer_id, state, at)
            await enqueue(connection, SEND_JOB, queue=SEND_QUEUE, **notice.job)
