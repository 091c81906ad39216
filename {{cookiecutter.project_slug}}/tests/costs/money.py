"""Budgets and reservations of one process, on the evening before a month ends."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from app.core.clock import ManualClock
from app.core.database import Database
from app.costs.domain import CostPolicy
from app.costs.domain.budgets import BudgetRules, Hold, Settlement
from app.costs.service import Budgets, Reservations

EVE = datetime(2031, 3, 31, 21, 30, tzinfo=UTC)  # 23:30 in Berlin, the last evening of a month


@dataclass(frozen=True)
class Money:
    """What one process holds, and how the budgets stand."""

    budgets: Budgets
    reservations: Reservations


def money_of(
    database: Database, clock: ManualClock | None = None, usd: str = "1", shared_by: int = 1, **rules: object
) -> Money:
    policy = CostPolicy(
        owner="someone",
        monthly_budget_usd=Decimal(usd),
        time_zone="Europe/Berlin",
        budgets=BudgetRules.model_validate(rules),
    )
    clock = clock or ManualClock(EVE)
    reservations = Reservations(policy, database, clock, by_clock=True, shared_by=shared_by)
    return Money(Budgets(policy, database, clock, by_clock=True), reservations)


async def settle(money: Money, hold: Hold | None, micro_usd: int) -> None:
    assert hold
    async with money.reservations.database.transaction(hold.tenant_id) as connection:
        await money.reservations.settle(connection, Settlement((hold,), micro_usd))


async def used(money: Money, tenant: UUID) -> list[tuple[int, int]]:
    return [(each.committed_micro_usd, each.held_micro_usd) for each in await money.budgets.current(tenant)]
