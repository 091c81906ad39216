"""The outcomes of live traffic, by release."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database
from app.inference import repository
from app.inference.domain.answer_outcome import AnswerOutcome


@dataclass(frozen=True)
class LiveTraffic:
    """Answers and failures of all tenants, read tenant by tenant under row-level security."""

    database: Database

    async def of(self, release_ids: Sequence[str], since: datetime, tenants: Sequence[UUID]) -> list[AnswerOutcome]:
        """The outcomes of production's answers on these releases since a moment, in order of time."""
        outcomes: list[AnswerOutcome] = []
        for tenant_id in tenants:
            async with self.database.read(tenant_id) as connection:
                outcomes += await repository.outcomes(connection, tenant_id, release_ids, since)
        return sorted(outcomes, key=lambda outcome: outcome.at)


class ResolvedAnswers:
    """Counts resolved answers for the room costs."""

    async def resolved(self, connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> int:
        return await repository.resolved_count(connection, tenant, since, until, zone)
