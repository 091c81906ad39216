import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from sqlalchemy import text
from structlog.testing import capture_logs

from app.core.clock import ManualClock
from app.core.database import Database, open_database
from app.core.embedded import Urls
from app.costs.domain.budgets import SERVICE, BudgetRules, BudgetUsedUp, NoLimit, Settlement, opens_at
from tests.clock import until
from tests.costs.money import EVE, money_of, settle, used
from tests.samples import total

pytestmark = pytest.mark.usefixtures("empty_budgets")


async def test_a_hold_is_apart_from_what_is_committed_until_it_is_settled(database: Database, tenant: UUID) -> None:
    money = money_of(database)
    hold = await money.reservations.hold(tenant, 700)
    assert await used(money, tenant) == [(0, 700)] * 4
    await settle(money, hold, 300)
    assert await used(money, tenant) == [(300, 0)] * 4


async def test_a_call_that_costs_nothing_holds_nothing(database: Database, tenant: UUID) -> None:
    money = money_of(database)
    assert await money.reservations.hold(tenant, 0) is None
    assert await used(money, tenant) == [(0, 0)] * 4


async def test_a_settlement_that_is_rolled_back_never_was(database: Database, tenant: UUID) -> None:
    money = money_of(database)
    hold = await money.reservations.hold(tenant, 700)
    assert hold
    with pytest.raises(RuntimeError):
        async with database.transaction(tenant) as connection:
            await money.reservations.settle(connection, Settlement((hold,), 300))
            raise RuntimeError
    assert await used(money, tenant) == [(0, 700)] * 4


async def test_a_released_hold_leaves_nothing_behind(database: Database, tenant: UUID) -> None:
    money = money_of(database)
    hold = await money.reservations.hold(tenant, 1_000_000)
    assert hold
    await settle(money, hold, 0)
    assert await money.reservations.hold(tenant, 1_000_000)


async def test_the_refusal_names_the_budget_and_when_it_opens_again(database: Database, tenant: UUID) -> None:
    money = money_of(database, tenant_daily_usd="0.001")
    before = {each: total("app_budget_reservations_total", outcome=each) for each in ("held", "refused")}
    await money.reservations.hold(tenant, 900)
    with pytest.raises(BudgetUsedUp) as refused:
        await money.reservations.hold(tenant, 101)
    assert {each: total("app_budget_reservations_total", outcome=each) - then for each, then in before.items()} == {
        "held": 1,
        "refused": 1,
    }
    assert refused.value.status == 402
    assert refused.value.extra == {"budget": "tenant per day", "opens_at": "2031-04-01T00:00:00+02:00"}
    assert refused.value.retry_after == 1800
    assert await money.reservations.hold(tenant, 100)
    assert await money.reservations.hold(uuid4(), 900), "another tenant has its own"


async def test_the_log_says_once_a_day_that_a_budget_is_nearly_used_up_and_once_that_it_is(
    database: Database, tenant: UUID
) -> None:
    clock = ManualClock(EVE)
    money = money_of(database, clock, tenant_daily_usd="0.001", warn_percent=80)
    with capture_logs() as lines:
        for day in range(2):
            clock.advance(day * 86_400)
            await money.reservations.hold(tenant, 700, seconds=1)
            assert len(lines) == 2 * day
            for _ in range(2):
                await money.reservations.hold(tenant, 100, seconds=1)
            for _ in range(2):
                with pytest.raises(BudgetUsedUp):
                    await money.reservations.hold(tenant, 101)
            assert [each["event"] for each in lines[2 * day :]] == [
                "costs.budget_nearly_used_up",
                "costs.budget_used_up",
            ]
    assert {each["scope"] for each in lines} == {str(tenant)}


async def test_money_that_lies_in_the_shards_of_others_is_found(database: Database) -> None:
    money = money_of(database, usd="0.01")
    for _ in range(5):
        await settle(money, await money.reservations.hold(uuid4(), 1500), 1000)
    hold = await money.reservations.hold(uuid4(), 5000)
    with pytest.raises(BudgetUsedUp):
        await money.reservations.hold(uuid4(), 1)
    await settle(money, hold, 4999)
    assert await money.reservations.hold(uuid4(), 1)


async def test_the_money_of_a_hold_that_nobody_settled_comes_back(database: Database, tenant: UUID) -> None:
    clock = ManualClock(EVE)
    money = money_of(database, clock, usd="0.001")
    await money.reservations.hold(tenant, 1000, seconds=60)
    clock.advance(59)
    with pytest.raises(BudgetUsedUp):
        await money.reservations.hold(tenant, 1000, seconds=60)
    clock.advance(2)
    assert await money.reservations.hold(tenant, 1000, seconds=60)


async def test_what_was_spent_counts_even_when_the_hold_had_lapsed(database: Database, tenant: UUID) -> None:
    clock = ManualClock(EVE)
    money = money_of(database, clock, usd="0.001")
    late = await money.reservations.hold(tenant, 1000, seconds=60)
    clock.advance(61)
    before = total("app_budget_reservations_expired_total")
    assert await used(money, tenant) == [(0, 0)] * 4
    assert total("app_budget_reservations_expired_total") == before + 1
    await settle(money, late, 600)
    assert await used(money, tenant) == [(600, 0)] * 4
    with pytest.raises(BudgetUsedUp):
        await money.reservations.hold(tenant, 401)
    assert await money.reservations.hold(tenant, 400)


async def test_what_a_call_cost_beyond_its_hold_is_owed_by_the_budget(database: Database, tenant: UUID) -> None:
    money, before = money_of(database, usd="0.01"), total("app_budget_overrun_micro_usd_total")
    await settle(money, await money.reservations.hold(tenant, 1000), 4000)
    assert total("app_budget_overrun_micro_usd_total") == before + 3000
    assert await used(money, tenant) == [(4000, 0)] * 4
    with pytest.raises(BudgetUsedUp):
        await money.reservations.hold(tenant, 6001)
    assert await money.reservations.hold(tenant, 6000)


async def test_a_new_month_opens_every_budget_and_a_call_counts_where_it_was_held(
    database: Database, tenant: UUID
) -> None:
    clock = ManualClock(EVE)
    money = money_of(database, clock, usd="0.001", tenant_daily_usd="0.001")
    over_midnight = await money.reservations.hold(tenant, 1000)
    clock.advance(1801)  # 00:00:01 on the first of April in Berlin
    assert await money.reservations.hold(tenant, 1000)
    await settle(money, over_midnight, 900)
    assert await used(money, tenant) == [(0, 1000)] * 4


async def test_what_a_day_left_over_is_there_for_the_rest_of_the_month(database: Database, tenant: UUID) -> None:
    clock = ManualClock(EVE.replace(day=10))
    money = money_of(database, clock, usd="0.001")
    await settle(money, await money.reservations.hold(tenant, 900), 100)
    clock.advance(86_400)
    assert await money.reservations.hold(tenant, 900)
    with pytest.raises(BudgetUsedUp):
        await money.reservations.hold(tenant, 1)


async def test_a_limit_set_by_hand_holds_until_it_is_given_back_to_the_policy(database: Database, tenant: UUID) -> None:
    money = money_of(database, tenant_daily_usd="0.001")
    found = await money.budgets.set("ann", tenant, "day", 2000, "more work")
    assert (found.limit_micro_usd, found.set_by_hand) == (2000, True)
    await money.reservations.hold(tenant, 2000)
    found = await money.budgets.set("ann", tenant, "day", None, "done")
    assert (found.limit_micro_usd, found.set_by_hand) == (1000, False)
    with pytest.raises(BudgetUsedUp):
        await money.reservations.hold(tenant, 1)


async def test_what_comes_back_after_a_limit_was_lowered_is_not_held_again(database: Database, tenant: UUID) -> None:
    money = money_of(database, tenant_daily_usd="1")
    holds = [await money.reservations.hold(tenant, 1000) for _ in range(5)]
    await money.budgets.set("ann", tenant, "day", 1500, "a quiet day")
    for hold in holds:
        await settle(money, hold, 200)
    with pytest.raises(BudgetUsedUp):
        await money.reservations.hold(tenant, 501)
    assert await money.reservations.hold(tenant, 500)


async def test_a_grant_ends_with_its_window(database: Database, tenant: UUID) -> None:
    clock = ManualClock(EVE)
    money = money_of(database, clock, usd="0.001")
    await money.reservations.hold(tenant, 1000)
    found = await money.budgets.grant("ann", SERVICE, "month", 500, "a fair")
    assert (found.limit_micro_usd, found.granted_micro_usd) == (1500, 500)
    assert await money.reservations.hold(tenant, 500)
    clock.advance(86_400)
    assert (await money.budgets.current())[1].limit_micro_usd == 1000


async def test_what_has_no_limit_cannot_be_raised(database: Database, tenant: UUID) -> None:
    with pytest.raises(NoLimit):
        await money_of(database).budgets.grant("ann", tenant, "day", 500, "why not")


async def test_changes_are_in_the_audit_log(database: Database, tenant: UUID) -> None:
    money = money_of(database, tenant_daily_usd="0.001")
    await money.budgets.set("ann", tenant, "day", 2000, "more work")
    await money.budgets.grant("bob", tenant, "day", 10, "a little")
    await money.budgets.set_own("cleo", tenant, "day", 500, "a quiet day")
    async with database.read(tenant) as connection:
        lines = await connection.execute(
            text(
                "select actor, action, before, after, reason from audit_log "
                "where action like 'budget.%' and subject like :s order by sequence"
            ),
            {"s": f"%{tenant}%"},
        )
        assert [tuple(line) for line in lines] == [
            ("ann", "budget.set", "1000 micro-dollars", "2000 micro-dollars", "more work"),
            ("bob", "budget.grant", "2000 micro-dollars", "2010 micro-dollars", "a little"),
            ("cleo", "budget.set_own", "2010 micro-dollars", "500 micro-dollars", "a quiet day"),
        ]


async def test_the_owner_is_told_before_it_is_felt(database: Database, tenant: UUID) -> None:
    money = money_of(database, usd="0.001")
    await money.reservations.hold(tenant, 790)
    assert await money.budgets.notes() == []
    await money.reservations.hold(tenant, 10)
    assert await money.budgets.notes() == [
        "The budget 'service per month' is 80 % used until 2031-04-01T00:00:00+02:00."
    ]


async def test_the_owner_is_told_of_tenants_near_a_limit_of_their_own(database: Database, tenant: UUID) -> None:
    money = money_of(database, tenant_daily_usd="0.001", tenant_monthly_usd="0.01")
    other, third = uuid4(), uuid4()
    for who, amount in ((tenant, 790), (other, 1000), (third, 1)):
        await money.reservations.hold(who, amount)
    assert [(each.scope, each.span, money.budgets.state(each)) for each in await money.budgets.near_limit()] == [
        (other, "day", "used_up")
    ]
    await settle(money, await money.reservations.hold(tenant, 20), 10)
    found = await money.budgets.near_limit()
    assert [(each.scope, money.budgets.state(each)) for each in found] == [(other, "used_up"), (tenant, "near")]
    assert await money.budgets.notes() == [
        "2 of the tenants near or at a limit of their own: 'app budget near' names them."
    ]
    standing = {each.name: money.budgets.state(each) for each in await money.budgets.current(tenant)}
    assert standing == {
        "service per day": "open",
        "service per month": "open",
        "tenant per day": "near",
        "tenant per month": "open",
    }


async def test_tenants_without_a_limit_are_near_none(database: Database, tenant: UUID) -> None:
    money = money_of(database)
    await money.reservations.hold(tenant, 900_000)
    assert await money.budgets.near_limit() == []
    await money.budgets.set("ann", tenant, "month", 900_000, "now it has one")
    assert [each.span for each in await money.budgets.near_limit()] == ["month"]


async def test_an_alert_can_be_raised_on_tenants_near_their_limit(database: Database, tenant: UUID) -> None:
    money = money_of(database, tenant_daily_usd="0.001")
    await money.reservations.hold(tenant, 900)
    await money.reservations.hold(uuid4(), 1000)
    watching = asyncio.create_task(money.budgets.watch())
    try:
        await until(lambda: alarm("near") == 1)
        assert alarm("used_up") == 1
    finally:
        watching.cancel()


def alarm(state: str) -> float | None:
    return REGISTRY.get_sample_value("app_budget_tenants", {"span": "day", "state": state})


@pytest_asyncio.fixture
async def processes(database_urls: Urls) -> AsyncIterator[list[Database]]:
    """Two processes as the database sees them: each with connections of its own."""
    opened = [await open_database(database_urls.service, 12) for _ in range(2)]
    yield opened
    for each in opened:
        await each.close()


async def test_two_hundred_callers_with_money_for_fifty_answers(processes: list[Database]) -> None:
    max_cost, price, answers = 2000, 1999, 50
    ready = [money_of(each, usd=str(Decimal(answers * max_cost) / 1_000_000)) for each in processes]
    tenants, paid, passed = [uuid4() for _ in range(3)], 0, asyncio.Event()

    async def answer(number: int) -> int:
        money = ready[number % 2]
        try:
            hold = await money.reservations.hold(tenants[number % 3], max_cost)
        except BudgetUsedUp:
            return 0
        await asyncio.sleep(0.002 * (number % 7))
        await settle(money, hold, price)
        return price

    async def look() -> None:
        async with await psycopg.AsyncConnection.connect(processes[0].session_url, autocommit=True) as connection:
            while not passed.is_set():
                cursor = await connection.execute("select coalesce(sum(committed + held), 0) from budget_shards")
                (total,) = await cursor.fetchone() or (0,)
                assert total <= answers * max_cost
                await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    paid = sum(await asyncio.gather(*(answer(number) for number in range(200))))
    passed.set()
    await looking
    month = (await ready[0].budgets.current())[1]
    assert (month.committed_micro_usd, month.held_micro_usd) == (paid, 0)
    assert answers * price <= paid <= answers * max_cost


def test_a_window_ends_at_midnight_of_its_time_zone() -> None:
    assert opens_at("day", date(2031, 3, 29), "Europe/Berlin").isoformat() == "2031-03-30T00:00:00+01:00"
    assert opens_at("day", date(2031, 3, 30), "Europe/Berlin").isoformat() == "2031-03-31T00:00:00+02:00"
    assert opens_at("month", date(2031, 12, 31), "UTC").isoformat() == "2032-01-01T00:00:00+00:00"


def test_the_owner_must_hear_of_it_before_a_model_is_changed() -> None:
    with pytest.raises(ValueError, match="the owner is warned first"):
        BudgetRules(warn_percent=96)


def test_a_settlement_of_nothing_is_none() -> None:
    assert not Settlement((), 5)
    assert replace(Settlement((), 5), micro_usd=3).micro_usd == 3
