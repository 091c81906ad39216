"""What became of live traffic, release by release."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.database import Database
from app.inference import repository
from app.inference.domain.outcomes import Outcome


@dataclass(frozen=True)
class Outcomes:
    """Answers and failures of all tenants, read tenant by tenant under row-level security."""

    database: Database

    async def of(self, release_ids: Sequence[str], since: datetime, tenants: Sequence[UUID]) -> list[Outcome]:
        """Production's answers on these releases from `since` on, in the order of time."""
        found: list[Outcome] = []
        for tenant_id in tenants:
            async with self.database.read(tenant_id) as connection:
                found += await repository.outcomes(connection, tenant_id, release_ids, since)
        return sorted(found, key=lambda outcome: outcome.at)
