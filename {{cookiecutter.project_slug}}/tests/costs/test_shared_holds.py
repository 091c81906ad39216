"""One hold for many calls of a process, where there is plenty of money."""

import asyncio
from uuid import UUID

import pytest

from app.core.clock import ManualClock
from app.core.database import Database
from tests.clock import until
from tests.costs.money import EVE, money_of, settle, used

pytestmark = pytest.mark.usefixtures("empty_budgets")


async def test_where_there_is_plenty_one_hold_is_for_many_calls(database: Database, tenant: UUID) -> None:
    money, ids = money_of(database, shared_by=16), set()
    for number in range(4):
        hold = await money.reservations.hold(tenant, 100)
        assert hold
        ids.add(hold.id)
        assert await used(money, tenant) == [(60 * number, 1600 - 60 * number)] * 4, "all of it counts as held"
        await settle(money, hold, 60)
    assert len(ids) == 1
    assert await used(money, tenant) == [(240, 1360)] * 4
    await money.reservations.close()
    assert await used(money, tenant) == [(240, 0)] * 4


async def test_near_the_limit_nobody_shares(database: Database, tenant: UUID) -> None:
    money = money_of(database, usd="0.05", shared_by=16)
    await money.reservations.hold(tenant, 100)
    assert await used(money, tenant) == [(0, 100)] * 4


async def test_calls_beside_each_other_do_not_wait_for_one_row(database: Database, tenant: UUID) -> None:
    money = money_of(database, usd="10", shared_by=16)
    holds = [await money.reservations.hold(tenant, 100) for _ in range(12)]
    assert len({hold.id for hold in holds if hold}) == 12


async def test_a_process_that_died_loses_what_it_shared_and_nothing_that_was_spent(
    database: Database, tenant: UUID
) -> None:
    clock = ManualClock(EVE.replace(day=10))
    money = money_of(database, clock, shared_by=16)
    await settle(money, await money.reservations.hold(tenant, 100, seconds=60), 70)
    late = await money.reservations.hold(tenant, 100, seconds=60)
    clock.advance(91)
    assert await used(money, tenant) == [(70, 0)] * 4
    await settle(money, late, 80)
    assert await used(money, tenant) == [(150, 0)] * 4


async def test_a_shared_hold_is_given_out_for_half_a_minute(database: Database, tenant: UUID) -> None:
    clock = ManualClock(EVE.replace(day=10))
    money = money_of(database, clock, shared_by=16)
    first = await money.reservations.hold(tenant, 100, seconds=60)
    await settle(money, first, 70)
    clock.advance(31)
    second = await money.reservations.hold(tenant, 100, seconds=60)
    assert first
    assert second
    assert first.id != second.id
    await settle(money, second, 0)
    await money.reservations.close()
    assert await used(money, tenant) == [(70, 0)] * 4


async def test_what_a_call_left_over_is_for_the_next(database: Database, tenant: UUID) -> None:
    money = money_of(database, shared_by=4)
    ids = set()
    for _ in range(30):
        hold = await money.reservations.hold(tenant, 100)
        assert hold
        ids.add(hold.id)
        await settle(money, hold, 10)
    assert len(ids) == 1
    await money.reservations.close()
    assert await used(money, tenant) == [(300, 0)] * 4


async def test_a_running_process_ends_again_and_again_what_no_call_can_share_any_more(
    database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.costs.service.reservations.TIDY_SECONDS", 0.01)
    clock = ManualClock(EVE)
    money = money_of(database, clock, shared_by=16)
    watching = asyncio.create_task(money.reservations.watch())
    try:
        for _ in range(2):
            await settle(money, await money.reservations.hold(tenant, 100), 40)
            assert money.reservations.shared
            clock.advance(31)
            await until(lambda: not money.reservations.shared and not money.reservations.ending)
    finally:
        watching.cancel()
