"""Money is reserved before a paid call, and settled with its cost."""

import asyncio
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.telemetry import counter
from app.costs.domain.budgets import (
    SERVICE,
    BudgetUsedUp,
    Hold,
    Settlement,
    SharedReservation,
    name_of,
    opens_at,
)
from app.costs.domain.policy import CostPolicy
from app.costs.repository import budget_store as repository

log = structlog.get_logger(__name__)

HOLD_SECONDS = 300.0
"""Longer than any call may take; the reservations of a process that died expire after it."""
TIDY_SECONDS = 15.0
FRESH_SECONDS = 30.0
"""How long calls may take parts of a shared reservation."""

HOLDS = counter("app_budget_reservations_total", "Reservations requested, by outcome", ("outcome",))
OVERRUN = counter("app_budget_overrun_micro_usd_total", "Charged beyond the reservation, in micro-dollars")
_HELD, _REFUSED = HOLDS.labels("held"), HOLDS.labels("refused")


@dataclass(frozen=True)
class Reservations:
    """Reservations within the budgets of the service and of each tenant; shared ones serve several calls.

    For every limit, also under concurrency: committed + held <= limit.
    by_clock: for tests; otherwise the time is the database's, the same for every process.
    shared_by: the calls that one shared reservation may serve, while much of the budget is left.
    """

    policy: CostPolicy
    database: Database
    clock: Clock
    by_clock: bool = False
    shared_by: int = 16
    shared: dict[UUID, list[SharedReservation]] = field(default_factory=dict)
    ending: set[asyncio.Task[None]] = field(default_factory=set)
    logged: set[tuple[object, ...]] = field(default_factory=set)

    @cached_property
    def _limits(self) -> list[int | None]:
        return self.policy.limits

    async def hold(self, tenant_id: UUID, micro_usd: int, *, seconds: float = HOLD_SECONDS) -> Hold | None:
        """Reserves money for a call; None for a call that costs nothing. Errors: BudgetUsedUp, DatabaseUnavailable.

        seconds: the reservation expires after these.
        """
        if micro_usd <= 0:
            return None
        now = self.clock.monotonic()
        for reservation in self.shared.get(tenant_id, ()):
            if given := reservation.give(micro_usd, seconds, now):
                return given
        self.tidy(tenant_id, micro_usd)
        shared_micro_usd, lifetime = micro_usd * self.shared_by, seconds + FRESH_SECONDS * (self.shared_by > 1)
        hold_id, policy, at = new_id(), self.policy, self.clock.now() if self.by_clock else None
        held = await repository.hold(
            self.database, hold_id, tenant_id, micro_usd, shared_micro_usd, lifetime, policy.time_zone, self._limits, at
        )
        if isinstance(held, repository.ExhaustedBudget):
            _REFUSED.inc()
            raise self._used_up(held, micro_usd)
        _HELD.inc()
        day, stripe, taken, percent = held
        if percent >= policy.budgets.warn_percent and self._first_today("nearly_used_up", tenant_id, day):
            log.warning("costs.budget_nearly_used_up", scope=str(tenant_id), used_percent=percent)
        if taken == micro_usd:
            return Hold(hold_id, tenant_id, day, stripe, micro_usd, percent)
        reservation = SharedReservation(
            hold_id, tenant_id, day, stripe, percent, taken, now + FRESH_SECONDS, now + lifetime
        )
        self.shared.setdefault(tenant_id, []).append(reservation)
        return reservation.give(micro_usd, seconds, now)

    def _used_up(self, budget: repository.ExhaustedBudget, wanted: int) -> BudgetUsedUp:
        opens, name = opens_at(budget.span, budget.day, self.policy.time_zone), name_of(budget.scope, budget.span)
        if self._first_today("used_up", budget.scope, budget.day):
            log.warning(
                "costs.budget_used_up", scope=str(budget.scope), budget=name, limit_micro_usd=budget.limit_micro_usd
            )
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
        """Settles holds in the caller's transaction."""
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
        """Ends the shared reservations of a tenant that no call can use any more."""
        now, usable = self.clock.monotonic(), []
        for reservation in self.shared.get(tenant_id, ()):
            if reservation.over(wanted, now):
                task = asyncio.get_running_loop().create_task(self._end(reservation))
                self.ending.add(task)
                task.add_done_callback(self.ending.discard)
            elif now < reservation.until:
                usable.append(reservation)
        self.shared[tenant_id] = usable
        if not usable:
            del self.shared[tenant_id]

    async def _end(self, reservation: SharedReservation) -> None:
        try:
            await repository.end(self.database, reservation.id)
        except Exception as error:
            log.warning("costs.shared_reservation_not_released", error=type(error).__name__)

    async def close(self) -> None:
        """Releases all unused reservations of this process."""
        self.stop_sharing(SERVICE)
        await asyncio.gather(*self.ending)

    def stop_sharing(self, scope: UUID) -> None:
        """No call gets a part of what was reserved before now: the next one is held against the limits in force.

        scope: SERVICE or a tenant.
        """
        for tenant_id in [each for each in self.shared if scope in (SERVICE, each)]:
            for reservation in self.shared[tenant_id]:
                reservation.fresh_until = 0.0
            self.tidy(tenant_id)

    async def follow(self, subject: str) -> None:
        """A limit of this scope has changed. subject: empty for none; what was missed ends by FRESH_SECONDS."""
        if subject:
            self.stop_sharing(UUID(subject))

    async def watch(self) -> None:
        """Runs until it is cancelled: ends the shared reservations that no call can use any more."""
        while True:
            for tenant_id in list(self.shared):
                self.tidy(tenant_id)
            await asyncio.sleep(TIDY_SECONDS)
