"""Sends an answer to human review after it was delivered."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.ownership import RiskTier
from app.identity.service import Identity
from app.inference import repository
from app.inference.domain.human_review import ReviewRequest
from app.inference.domain.review_policy import Rule
from app.releases.domain import canonical_json

LOW_SCORE = Rule(name="low-score", send="after", due_minutes=7 * 24 * 60)
"""An answer whose score was low when it was looked at again."""


@dataclass(frozen=True)
class LaterReview:
    """As a rule of policies/review.yaml with `send: after` does it when an answer is given."""

    identity: Identity

    async def send(
        self, connection: AsyncConnection, tenant_id: UUID, answer_id: UUID, risk_tier: RiskTier, at: datetime
    ) -> bool:
        """Queues the answer in the caller's transaction; False where it was in review already, or was erased."""
        found = await repository.find_unreviewed(connection, answer_id)
        if found is None:
            return False
        asker = await self.identity.principal_of_key(connection, tenant_id, found.key_id)
        request = ReviewRequest(LOW_SCORE, risk_tier, 0.0, at, canonical_json(found.body))
        await repository.send_later(connection, found, request, asker.name if asker else f"key {found.key_id}")
        return True
