"""Error budgets from the database's own records, and the releases that may go live although one is spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.ownership import OwnershipPolicy
from app.core.reasons import check_reason
from app.core.slo import SloPolicy
from app.identity.domain import Principal
from app.monitoring.domain.error_budget import (
    BudgetException,
    ErrorBudget,
    ExceptionKind,
    OwnReleaseExcepted,
    error_budgets,
    frozen_by,
)
from app.monitoring.repository import budget_counts
from app.releases.service import Releases

PERMISSION = "releases:approve"


@dataclass(frozen=True)
class ErrorBudgets:
    """The rules are those of this process's own policies, as with approvals: a release cannot relax what stops it."""

    database: Database
    clock: Clock
    releases: Releases
    slo: SloPolicy
    ownership: OwnershipPolicy

    async def current(self) -> Sequence[ErrorBudget]:
        """What was used of each budget within the window that ends now."""
        async with self.database.read(None) as connection:
            return await self._current(connection, self.clock.now())

    async def freeze(self, connection: AsyncConnection, release_id: str, at: datetime) -> str | None:
        """What stops this release at this moment, in a sentence; None when nothing does."""
        if not self.slo.error_budget.freeze_on:
            return None
        budgets = await self._current(connection, at)
        exceptions = await budget_counts.exceptions_of(connection, release_id)
        return frozen_by(budgets, self.slo.error_budget, exceptions, at)

    async def allow(self, caller: Principal, wanted: str, kind: ExceptionKind, reason: str) -> BudgetException:
        """Lets a release go live for `exception_days` although a budget is spent. Audited.

        Errors: ReleaseNotFound, OwnReleaseExcepted, ReasonRequired, PermissionMissing.
        """
        caller.require(PERMISSION)
        reason, now = check_reason(reason), self.clock.now()
        release = await self.releases.find(wanted)
        author = (await self.releases.history(release.id)).author
        if self.ownership.risk_tier != "low" and author.strip().casefold() == caller.name.strip().casefold():
            raise OwnReleaseExcepted(f"{caller.name} made release {release.number}.")
        until = now + timedelta(days=self.slo.error_budget.exception_days)
        exception = BudgetException(new_id(), release.id, kind, caller.name, reason, now, until)
        async with self.database.transaction(None) as connection:
            await budget_counts.add_exception(connection, exception)
            act = Act(caller.name, f"release.allow_{kind}", f"release {release.id}", reason, after=f"until {until:%F}")
            await audit.record(connection, act, now)
        return exception

    async def _current(self, connection: AsyncConnection, at: datetime) -> Sequence[ErrorBudget]:
        objectives = self.slo.objectives
        since = at - timedelta(days=objectives.window_days)
        counts = await budget_counts.count_events(connection, since, at, self.slo.answer_p95_ms)
        return error_budgets(objectives, counts)
