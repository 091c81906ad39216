"""Makes the plan of 90 days, and stores what it said."""

from dataclasses import dataclass

from app.core.database import Database
from app.core.ids import new_id
from app.governance.domain.readiness.plan import EarlierPlans, ReadinessPlan, make_plan
from app.governance.repository import readiness_store
from app.governance.service.readiness import Readiness


@dataclass(frozen=True)
class Plans:
    database: Database
    readiness: Readiness

    async def make(self) -> ReadinessPlan:
        """The plan as of now, compared with the last one that was stored. Errors: DatabaseUnavailable."""
        report = await self.readiness.report()
        async with self.database.read(None) as connection:
            stored = await readiness_store.first_and_last_plan(connection)
        return make_plan(report, EarlierPlans(*stored) if stored else None)

    async def store(self, plan: ReadinessPlan, actor: str) -> None:
        """Stores the statuses of a plan that was written, for the next comparison. Errors: DatabaseUnavailable."""
        report = plan.report
        async with self.database.transaction(None) as connection:
            await readiness_store.add_plan(connection, new_id(), report.at, actor, report.statuses)
