"""The state of the budgets, and changes of their limits."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.clock import Clock
from app.core.database import Database, notify
from app.core.reasons import check_reason
from app.core.telemetry import counter, gauge
from app.costs.domain.budgets import BUDGET_CHANGED, SERVICE, Budget, BudgetSpan, BudgetState, NoLimit
from app.costs.domain.policy import CostPolicy
from app.costs.repository import budget_store as repository

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 15.0
OWN = "budget.set_own"
SPANS: tuple[BudgetSpan, ...] = ("day", "month")

LAPSED = counter("app_budget_reservations_expired_total", "Reservations that expired without settlement")
USED = gauge("app_budget_used_ratio", "Committed and held, as a part of the limit of the whole service", ("span",))
TENANTS = gauge(
    "app_budget_tenants", "Tenants that are near a limit of their own, or have used it up", ("span", "state")
)


@dataclass(frozen=True)
class Budgets:
    """The budgets of the service and of each tenant, by day and by month, in the policy's time zone.

    by_clock: for tests; otherwise the time is the database's, the same for every process.
    changed: called with the scope of a limit that was set, in this process; all are notified by BUDGET_CHANGED.
    """

    policy: CostPolicy
    database: Database
    clock: Clock
    by_clock: bool = False
    changed: Callable[[UUID], None] = lambda _: None

    @property
    def at(self) -> datetime | None:
        return self.clock.now() if self.by_clock else None

    async def current(self, tenant_id: UUID = SERVICE) -> list[Budget]:
        """The current budgets of the service and of a tenant."""
        async with self.database.transaction(None) as connection:
            LAPSED.inc(await repository.sweep(connection, self.at))
            day = await repository.today(connection, self.policy.time_zone, self.at)
            return await self._current(connection, tenant_id, day)

    async def near_limit(self) -> list[Budget]:
        """The budgets of tenants that are nearly or fully used up; those with the least left first."""
        async with self.database.transaction(None) as connection:
            day = await repository.today(connection, self.policy.time_zone, self.at)
            warn = self.policy.budgets.warn_percent
            return await repository.near_limit(connection, day, self.policy.limits, warn, self.policy.time_zone)

    async def payers(self) -> list[UUID]:
        """All tenants with paid calls."""
        async with self.database.read(None) as connection:
            return await repository.payers(connection)

    def state(self, budget: Budget) -> BudgetState:
        return budget.state(self.policy.budgets.warn_percent)

    async def set(self, actor: str, scope: UUID, span: BudgetSpan, micro_usd: int | None, reason: str) -> Budget:
        """Sets the limit that the service allows a scope, from this window on; None: the policy's limit. Audited.

        Errors: ReasonRequired.
        """
        return await self._set(actor, "budget.set", scope, span, micro_usd, check_reason(reason))

    async def set_own(
        self, actor: str, tenant_id: UUID, span: BudgetSpan, micro_usd: int | None, reason: str
    ) -> Budget:
        """Sets a tenant's own limit, within what the service allows it; None removes it. Audited.

        Errors: LimitNotAllowed, ReasonRequired.
        """
        return await self._set(actor, OWN, tenant_id, span, micro_usd, check_reason(reason))

    async def _set(
        self, actor: str, action: str, scope: UUID, span: BudgetSpan, micro_usd: int | None, reason: str
    ) -> Budget:
        before = await self._one(scope, span)
        async with self.database.transaction(_tenant(scope)) as connection:
            await self._lock(connection, scope)
            if action == OWN:
                _find(await self._current(connection, scope, before.starts), scope, span).check_own(micro_usd)
            await repository.set_limit(connection, scope, span, micro_usd, own=action == OWN)
            after = await self._current(connection, scope, before.starts)
            await self._audit(connection, actor, action, before, _find(after, scope, span), reason)
            await notify(connection, BUDGET_CHANGED, str(scope))
        self.changed(scope)
        return await self._one(scope, span)

    async def grant(self, actor: str, scope: UUID, span: BudgetSpan, micro_usd: int, reason: str) -> Budget:
        """Adds to a limit, in the current window only. Audited. Errors: NoLimit, ReasonRequired."""
        reason = check_reason(reason)
        before = await self._one(scope, span)
        if before.allowed_micro_usd is None:
            raise NoLimit(f"The budget '{before.name}' has no limit that could be raised.")
        async with self.database.transaction(_tenant(scope)) as connection:
            await self._lock(connection, scope)
            await repository.grant(connection, scope, span, before.starts, micro_usd)
            after = await self._current(connection, scope, before.starts)
            await self._audit(connection, actor, "budget.grant", before, _find(after, scope, span), reason)
        return await self._one(scope, span)

    async def watch(self) -> None:
        """Runs until it is cancelled: releases expired reservations, and updates the metrics."""
        while True:
            try:
                for each in await self.current():
                    USED.labels(each.span).set(each.used_percent / 100)
                self._show(await self.near_limit())
            except Exception as error:
                log.warning("costs.budget_monitor_failed", error=type(error).__name__)
            await asyncio.sleep(SWEEP_SECONDS)

    async def notes(self) -> list[str]:
        """Warnings for the owner: budgets that are nearly used up, and the number of such tenants."""
        own = [
            f"The budget '{each.name}' is {each.used_percent:.0f} % used until {each.opens_at.isoformat()}."
            for each in await self.current()
            if self.state(each) != "open"
        ]
        if tenants := len({each.scope for each in await self.near_limit()}):
            own.append(f"{tenants} of the tenants near or at a limit of their own: 'app budget near' names them.")
        return own

    def _show(self, near: Sequence[Budget]) -> None:
        states = [(each.span, self.state(each)) for each in near]
        for span in SPANS:
            for state in ("near", "used_up"):
                TENANTS.labels(span, state).set(states.count((span, state)))

    async def _lock(self, connection: AsyncConnection, scope: UUID) -> None:
        await repository.lock(connection, scope, await repository.today(connection, self.policy.time_zone, self.at))

    async def _one(self, scope: UUID, span: BudgetSpan) -> Budget:
        return _find(await self.current(scope), scope, span)

    async def _current(self, connection: AsyncConnection, scope: UUID, day: date) -> list[Budget]:
        found = await repository.current_budgets(connection, scope, day, self.policy.limits, self.policy.time_zone)
        return found[:2] if scope == SERVICE else found

    async def _audit(
        self, connection: AsyncConnection, actor: str, action: str, before: Budget, after: Budget, reason: str
    ) -> None:
        subject = f"{before.name} {before.scope}" if before.scope != SERVICE else before.name
        act = audit.Act(actor, action, subject, reason, _limit(before), _limit(after), _tenant(before.scope))
        await audit.record(connection, act, self.clock.now())


def _find(budgets: Sequence[Budget], scope: UUID, span: BudgetSpan) -> Budget:
    return next(each for each in budgets if (each.scope, each.span) == (scope, span))


def _tenant(scope: UUID) -> UUID | None:
    return None if scope == SERVICE else scope


def _limit(budget: Budget) -> str:
    return "no limit" if budget.limit_micro_usd is None else f"{budget.limit_micro_usd} micro-dollars"
