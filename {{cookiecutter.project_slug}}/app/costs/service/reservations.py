"""Money is held before a paid call and settled with what the call was for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.reasons import check_reason
from app.core.telemetry import counter, gauge
from app.costs.domain.budgets import (
    SERVICE,
    Budget,
    BudgetSpan,
    BudgetState,
    BudgetUsedUp,
    Hold,
    NoLimit,
    Settlement,
    SharedReservation,
    name_of,
    opens_at,
)
from app.costs.domain.policy import CostPolicy
from app.costs.repository import budget_store as repository

log = structlog.get_logger(__name__)

HOLD_SECONDS = 300.0
"""Longer than any call may take; money of a process that died comes back after it."""
SWEEP_SECONDS = 15.0
OWN = "budget.set_own"
SPANS: tuple[BudgetSpan, ...] = ("day", "month")
FRESH_SECONDS = 30.0
"""How long a shared hold is given out."""

HOLDS = counter("app_budget_holds_total", "Reservations requested, by outcome", ("outcome",))
LAPSED = counter("app_budget_holds_lapsed_total", "Reservations that expired without settlement")
OVERRUN = counter("app_budget_overrun_micro_usd_total", "Charged beyond the reservation, in micro-dollars")
USED = gauge("app_budget_used_ratio", "Committed and held, as a part of the limit of the whole service", ("span",))
TENANTS = gauge(
    "app_budget_tenants", "Tenants that are near a limit of their own, or have used it up", ("span", "state")
)
_HELD, _REFUSED = HOLDS.labels("held"), HOLDS.labels("refused")


@dataclass(frozen=True)
class Budgets:
    """Limits of the service and of each tenant, by day and by month, in the policy's time zone.

    For every limit, and whatever happens at once: committed + held <= limit.
    by_clock: for tests; otherwise the database says what time it is, the same for every process.
    shared_by: calls that one hold in the database may be for, where there is plenty left.
    """

    policy: CostPolicy
    database: Database
    clock: Clock
    by_clock: bool = False
    shared_by: int = 16
    reservations: dict[UUID, list[SharedReservation]] = field(default_factory=dict)
    ending: set[asyncio.Task[None]] = field(default_factory=set)
    logged: set[tuple[object, ...]] = field(default_factory=set)

    @property
    def at(self) -> datetime | None:
        return self.clock.now() if self.by_clock else None

    @cached_property
    def _limits(self) -> list[int | None]:
        return self.policy.limits

    async def hold(self, tenant_id: UUID, micro_usd: int, *, seconds: float = HOLD_SECONDS) -> Hold | None:
        """Sets money aside for a call; None for a call that costs nothing. Errors: BudgetUsedUp, DatabaseUnavailable.

        seconds: after these the money goes back by itself.
        """
        if micro_usd <= 0:
            return None
        now = self.clock.monotonic()
        for reservation in self.reservations.get(tenant_id, ()):
            if given := reservation.give(micro_usd, seconds, now):
                return given
        self.tidy(tenant_id, micro_usd)
        best, lasts = micro_usd * self.shared_by, seconds + FRESH_SECONDS * (self.shared_by > 1)
        found, policy = new_id(), self.policy
        day, stripe, taken, percent, scope, span, limit = await repository.hold(
            self.database, found, tenant_id, micro_usd, best, lasts, policy.time_zone, self._limits, self.at
        )
        if stripe is None:
            _REFUSED.inc()
            raise self._used_up(scope, span, day, limit, micro_usd)
        _HELD.inc()
        if percent >= policy.budgets.warn_percent and self._first_today("nearly_used_up", tenant_id, day):
            log.warning("costs.budget_nearly_used_up", scope=str(tenant_id), used_percent=percent)
        if taken == micro_usd:
            return Hold(found, tenant_id, day, stripe, micro_usd, percent)
        reservation = SharedReservation(found, tenant_id, day, stripe, percent, taken, now + FRESH_SECONDS, now + lasts)
        self.reservations.setdefault(tenant_id, []).append(reservation)
        return reservation.give(micro_usd, seconds, now)

    def _used_up(self, scope: UUID, span: BudgetSpan, day: date, limit: int, wanted: int) -> BudgetUsedUp:
        opens, name = opens_at(span, day, self.policy.time_zone), name_of(scope, span)
        if self._first_today("used_up", scope, day):
            log.warning("costs.budget_used_up", scope=str(scope), budget=name, limit_micro_usd=limit)
        return BudgetUsedUp(
            f"The budget '{name}' has less than {wanted} micro-dollars left; it opens again at {opens.isoformat()}.",
            retry_after=max(1.0, (opens - self.clock.now()).total_seconds()),
            budget=name,
            opens_at=opens.isoformat(),
        )

    def _first_today(self, condition: str, scope: UUID, day: date) -> bool:
        """Logged once a day for each scope: at a limit every request would log it."""
        if (condition, scope, day) in self.logged:
            return False
        self.logged.add((condition, scope, day))
        return True

    async def settle(self, connection: AsyncConnection, settled: Settlement) -> None:
        """Ends holds in the caller's transaction: with what they paid for, or not at all."""
        if settled:
            await repository.settle(connection, settled)
            self.count(settled)

    def count(self, settled: Settlement) -> None:
        """Adds to the metrics; only for callers that settle in a statement of their own."""
        spent = settled.micro_usd
        if spent > sum(hold.micro_usd for hold in settled.holds):
            OVERRUN.inc(spent - sum(hold.micro_usd for hold in settled.holds))
        for hold in settled.holds:
            if hold.reservation:
                hold.reservation.back(hold, spent)
            spent = 0

    def tidy(self, tenant_id: UUID, wanted: int = 0) -> None:
        """Ends the shared holds of a tenant that are of no use any more."""
        now, kept = self.clock.monotonic(), []
        for reservation in self.reservations.get(tenant_id, ()):
            if reservation.over(wanted, now):
                task = asyncio.get_running_loop().create_task(self._end(reservation))
                self.ending.add(task)
                task.add_done_callback(self.ending.discard)
            elif now < reservation.until:
                kept.append(reservation)
        self.reservations[tenant_id] = kept
        if not kept:
            del self.reservations[tenant_id]

    async def _end(self, reservation: SharedReservation) -> None:
        try:
            await repository.end(self.database, reservation.id)
        except Exception as error:
            log.warning("costs.shared_reservation_not_released", error=type(error).__name__)

    async def close(self) -> None:
        """Gives back what this process held and did not need."""
        for reservation in [each for reservations in self.reservations.values() for each in reservations]:
            reservation.fresh_until = 0.0
        for tenant_id in list(self.reservations):
            self.tidy(tenant_id)
        await asyncio.gather(*self.ending)

    async def standing(self, tenant_id: UUID = SERVICE) -> list[Budget]:
        """How the budgets of the service and of a tenant stand now."""
        async with self.database.transaction(None) as connection:
            LAPSED.inc(await repository.sweep(connection, self.at))
            day = await repository.today(connection, self.policy.time_zone, self.at)
            return await self._standing(connection, tenant_id, day)

    async def near(self) -> list[Budget]:
        """The budgets of tenants that are nearly used up, or wholly; those with the least left first."""
        async with self.database.transaction(None) as connection:
            day = await repository.today(connection, self.policy.time_zone, self.at)
            warn = self.policy.budgets.warn_percent
            return await repository.near(connection, day, self._limits, warn, self.policy.time_zone)

    async def payers(self) -> list[UUID]:
        """Every tenant that a paid call was ever made for."""
        async with self.database.read(None) as connection:
            return await repository.payers(connection)

    def state(self, budget: Budget) -> BudgetState:
        return budget.state(self.policy.budgets.warn_percent)

    async def set(self, actor: str, scope: UUID, span: BudgetSpan, micro_usd: int | None, reason: str) -> Budget:
        """What the service allows a scope from now on, in every window to come too; None: as the policy says. Audited.

        Errors: ReasonRequired.
        """
        return await self._set(actor, "budget.set", scope, span, micro_usd, check_reason(reason))

    async def set_own(
        self, actor: str, tenant_id: UUID, span: BudgetSpan, micro_usd: int | None, reason: str
    ) -> Budget:
        """What a tenant sets for itself, within what the service allows it; None: no less than that. Audited.

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
                _find(await self._standing(connection, scope, before.starts), scope, span).check_own(micro_usd)
            await repository.set_limit(connection, scope, span, micro_usd, own=action == OWN)
            after = await self._standing(connection, scope, before.starts)
            await self._audit(connection, actor, action, before, _find(after, scope, span), reason)
        return await self._one(scope, span)

    async def grant(self, actor: str, scope: UUID, span: BudgetSpan, micro_usd: int, reason: str) -> Budget:
        """Adds to a limit for the window that is open now, and no longer. Audited. Errors: NoLimit,
        ReasonRequired.
        """
        reason = check_reason(reason)
        before = await self._one(scope, span)
        if before.allowed_micro_usd is None:
            raise NoLimit(f"The budget '{before.name}' has no limit that could be raised.")
        async with self.database.transaction(_tenant(scope)) as connection:
            await self._lock(connection, scope)
            await repository.grant(connection, scope, span, before.starts, micro_usd)
            after = await self._standing(connection, scope, before.starts)
            await self._audit(connection, actor, "budget.grant", before, _find(after, scope, span), reason)
        return await self._one(scope, span)

    async def watch(self) -> None:
        """Runs until it is cancelled: gives the money of lapsed holds back, and keeps the metrics up to date."""
        while True:
            try:
                for tenant_id in list(self.reservations):
                    self.tidy(tenant_id)
                for each in await self.standing():
                    USED.labels(each.span).set(each.used_percent / 100)
                self._show(await self.near())
            except Exception as error:
                log.warning("costs.budget_monitor_failed", error=type(error).__name__)
            await asyncio.sleep(SWEEP_SECONDS)

    async def notes(self) -> list[str]:
        """What the owner should see to: budgets that are nearly used up, those of tenants by their number."""
        own = [
            f"The budget '{each.name}' is {each.used_percent:.0f} % used until {each.opens_at.isoformat()}."
            for each in await self.standing()
            if self.state(each) != "open"
        ]
        if tenants := len({each.scope for each in await self.near()}):
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
        return _find(await self.standing(scope), scope, span)

    async def _standing(self, connection: AsyncConnection, scope: UUID, day: date) -> list[Budget]:
        found = await repository.standing(connection, scope, day, self.policy.limits, self.policy.time_zone)
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
