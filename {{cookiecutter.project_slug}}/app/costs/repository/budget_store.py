from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database
from app.core.locks import BUDGETS, lock_shared
from app.costs.domain.budgets import SERVICE, Budget, BudgetSpan, Settlement, opens_at
from app.costs.repository.answer_statements import SETTLE_SQL, settle_parameters

_HOLD = "select * from budget_hold(%s, %s, %s, %s, %s, %s, %s, %s)"
_END = "select budget_end(%s)"
_LOCK_HOLDS = text("select 1 from budget_holds where id = any (:ids) order by id for update")
_CHARGED = text("select exists (select from ledger where id = any (:rows) or subject_id = cast(:subject as uuid))")
_LOCK = text("select budget_lock(:scope, :day)")
_COLLECT = text("select budget_collect(:scope, :day, true)")
_BUDGETS = text(
    """
    select s.scope, s.span, s.starts, s.limit_micro_usd, s.granted as granted_micro_usd, s.set_by_hand,
           s.allowed_micro_usd, u.committed as committed_micro_usd, u.held as held_micro_usd
    from budget_standing(:scope, :day, :limits) s, budget_used(s.scope, s.span, s.starts) u
    """
)
# Only tenants with paid calls this month can be near a limit of their own.
_NEAR_LIMIT = text(
    """
    select s.scope, s.span, s.starts, s.limit_micro_usd, s.granted as granted_micro_usd, s.set_by_hand,
           s.allowed_micro_usd, u.committed as committed_micro_usd, u.held as held_micro_usd
    from (select distinct scope from budget_shards where day between date_trunc('month', (:day)::date) and :day) t,
         budget_standing(t.scope, :day, :limits) s, budget_used(s.scope, s.span, s.starts) u
    where s.scope = t.scope and 100 * (u.committed + u.held) >= :percent * s.limit_micro_usd
    order by (u.committed + u.held)::numeric / greatest(s.limit_micro_usd, 1) desc, s.scope, s.span
    """
)
_PAYERS = text("select distinct scope from budget_shards order by scope")
_SET = """
    insert into {table} values (:scope, :span, :amount, now())
    on conflict on constraint pk_{table} do update set micro_usd = :amount, changed_at = now()
"""
_CLEAR = "delete from {table} where scope = :scope and span = :span"
_GRANT = text(
    "update budget_windows set granted = granted + :amount where (scope, span, starts) = (:scope, :span, :starts)"
)
_TODAY = text("select (coalesce(:at, now()) at time zone :zone)::date")


class HeldMoney(NamedTuple):
    """stripe: the part of the budget that it was reserved from. micro_usd: may be more than requested. used_percent: of
    the tightest limit.
    """

    day: date
    stripe: int
    micro_usd: int
    used_percent: int


class ExhaustedBudget(NamedTuple):
    """The budget that had too little left, so that nothing was held."""

    day: date
    scope: UUID
    span: BudgetSpan
    limit_micro_usd: int


async def hold(
    database: Database,
    id: UUID,
    tenant_id: UUID,
    micro_usd: int,
    shared_micro_usd: int,
    seconds: float,
    zone: str,
    limits: Sequence[int | None],
    at: datetime | None,
) -> HeldMoney | ExhaustedBudget:
    """Holds `shared_micro_usd` where there is plenty left, else `micro_usd`, else nothing. limits: in the order of
    `CostPolicy.limits`. at: None is the time of the database.
    """
    parameters = (id, tenant_id, micro_usd, shared_micro_usd, seconds, zone, limits, at)
    ((day, stripe, held, used_percent, scope, span, limit),) = await database.ask(_HOLD, parameters)
    if stripe is None:
        return ExhaustedBudget(day, scope, span, limit)
    return HeldMoney(day, stripe, held, used_percent)


async def end(database: Database, id: UUID) -> None:
    await database.ask(_END, (id,))


async def settle(connection: AsyncConnection, settled: Settlement) -> None:
    raw: Any = (await connection.get_raw_connection()).driver_connection
    await raw.execute(SETTLE_SQL, settle_parameters(settled))


async def charged(
    connection: AsyncConnection, settled: Settlement, subject_id: UUID | None, rows: Sequence[UUID]
) -> bool:
    """Whether one of these rows, or any row of the subject, was written. Locks the holds first, and so waits for a
    transaction that is settling them.
    """
    if settled:
        await lock_shared(connection, BUDGETS)  # before the holds, as in budget_settle
        await connection.execute(_LOCK_HOLDS, {"ids": [hold.id for hold in settled.holds]})
    return bool((await connection.execute(_CHARGED, {"rows": list(rows), "subject": subject_id})).scalar_one())


async def today(connection: AsyncConnection, zone: str, at: datetime | None) -> date:
    day: date = (await connection.execute(_TODAY, {"at": at, "zone": zone})).scalar_one()
    return day


async def current_budgets(
    connection: AsyncConnection, scope: UUID, day: date, limits: Sequence[int | None], zone: str
) -> list[Budget]:
    rows = await connection.execute(_BUDGETS, {"scope": scope, "day": day, "limits": list(limits)})
    return [Budget(**row, opens_at=opens_at(row["span"], row["starts"], zone)) for row in rows.mappings()]


async def near_limit(
    connection: AsyncConnection, day: date, limits: Sequence[int | None], percent: int, zone: str
) -> list[Budget]:
    rows = await connection.execute(_NEAR_LIMIT, {"day": day, "limits": list(limits), "percent": percent})
    return [Budget(**row, opens_at=opens_at(row["span"], row["starts"], zone)) for row in rows.mappings()]


async def payers(connection: AsyncConnection) -> list[UUID]:
    """Every tenant that ever had a reservation."""
    return list((await connection.execute(_PAYERS)).scalars())


async def sweep(connection: AsyncConnection, at: datetime | None) -> int:
    swept = await connection.execute(text("select budget_sweep(coalesce(:at, clock_timestamp()))"), {"at": at})
    return int(swept.scalar_one())


async def lock(connection: AsyncConnection, scope: UUID, day: date) -> None:
    """Locks the scope and returns unreserved money from the stripes to the windows, so that a new limit applies at
    once."""
    await connection.execute(_LOCK, {"scope": scope, "day": day})
    await connection.execute(_COLLECT, {"scope": None if scope == SERVICE else scope, "day": day})


async def set_limit(
    connection: AsyncConnection, scope: UUID, span: BudgetSpan, amount: int | None, *, own: bool = False
) -> None:
    """Sets a limit; None removes it. own: the limit that a tenant sets for itself; else that of the service."""
    table = "budget_own_limits" if own else "budget_limits"
    statement = (_CLEAR if amount is None else _SET).format(table=table)
    await connection.execute(text(statement), {"scope": scope, "span": span, "amount": amount})


async def grant(connection: AsyncConnection, scope: UUID, span: BudgetSpan, starts: date, amount: int) -> None:
    await connection.execute(_GRANT, {"scope": scope, "span": span, "starts": starts, "amount": amount})
