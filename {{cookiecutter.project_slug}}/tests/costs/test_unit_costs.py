from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.core.clock import ManualClock
from app.core.database import Database
from app.core.ids import new_id
from app.costs.domain import Feature, Usage
from app.costs.domain.unit_costs import Forecast, ReleaseCost, forecast, with_changes
from app.costs.service import Costs
from tests.costs.ledger import charged
from tests.costs.test_ledger import costs_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MILLION = 1_000_000


async def charge(costs: Costs, tenant: UUID, calls: Sequence[tuple[Feature, int, str | None]]) -> None:
    """Each call is for a subject of its own; its tokens are input of 0.15 USD a million."""
    async with costs.database.transaction(tenant) as connection:
        for feature, tokens, release in calls:
            await charged(
                costs, connection, tenant, feature, "paid", Usage(tokens), subject_id=new_id(), release_id=release
            )


async def test_what_one_of_a_thing_costs(database: Database, tenant: UUID) -> None:
    costs = costs_of(database)
    answers: list[tuple[Feature, int, str | None]] = [("answer", MILLION, "a" * 64), ("answer", 3 * MILLION, "a" * 64)]
    await charge(costs, tenant, [*answers, ("embedding_document", MILLION, None), ("judging", 2 * MILLION, None)])
    found = (await costs.units(tenant)).units
    assert [(unit.name, unit.count, unit.each) for unit in found] == [
        ("answer", 2, 300_000),
        ("document", 1, 150_000),
        ("evaluation", 1, 300_000),
    ]


async def test_the_vector_of_its_question_is_part_of_what_an_answer_costs(database: Database, tenant: UUID) -> None:
    costs, answer = costs_of(database), new_id()
    about: dict[str, Any] = {"subject_id": answer, "release_id": "a" * 64}
    async with database.transaction(tenant) as connection:
        await charged(costs, connection, tenant, "answer", "paid", Usage(MILLION), **about)
        await charged(costs, connection, tenant, "embedding_query", "paid", Usage(MILLION), **about)
        await charged(costs, connection, tenant, "embedding_query", "paid", Usage(MILLION), subject_id=new_id())
        await charged(costs, connection, tenant, "embedding_query", "paid", Usage(MILLION))
    found = await costs.units(tenant)
    assert [(unit.name, unit.count, unit.each) for unit in found.units] == [("answer", 1, 300_000)]
    assert [(release.answers, release.each) for release in found.releases] == [(1, 300_000)]


async def test_what_each_tenant_spent(database: Database, tenant: UUID) -> None:
    costs, other, idle = costs_of(database), new_id(), new_id()
    for who, tokens in ((tenant, MILLION), (other, 3 * MILLION), (idle, 0)):
        # As every paid call does; a month of this service may cost a dollar.
        await costs.reservations.hold(who, 1000)
        await charge(costs, who, [("answer", tokens, None)] * (tokens > 0))
    found = [(who, total.micro_usd) for who, total in await costs.by_tenant() if who in (tenant, other, idle)]
    assert found == [(other, 450_000), (tenant, 150_000)]


async def test_the_release_that_changed_the_cost_and_by_how_much(database: Database, tenant: UUID) -> None:
    clock = ManualClock(NOON)
    costs = costs_of(database, clock)
    await charge(costs, tenant, [("answer", MILLION, "b" * 64)])
    clock.advance(60)
    await charge(costs, tenant, [("answer", 3 * MILLION, "a" * 64), ("answer", 2 * MILLION, "a" * 64)])
    first, second = (await costs.units(tenant)).releases
    assert (first.release_id, first.change) == ("b" * 64, None)
    assert (second.release_id, second.each, second.change) == ("a" * 64, 375_000, 1.5)


async def test_the_month_is_expected_to_go_on_as_its_last_days(database: Database, tenant: UUID) -> None:
    clock = ManualClock(NOON - timedelta(days=1))
    costs = costs_of(database, clock)
    await charge(costs, tenant, [("answer", 7 * MILLION, "a" * 64)])
    clock.advance(86_400)
    await charge(costs, tenant, [("answer", MILLION, "a" * 64)])
    found = (await costs.units(tenant)).forecast
    # 1,050,000 in a week are 150,000 a day, for eight days that are left after today.
    assert found == Forecast(date(2026, 11, 1), 1_200_000, 1_050_000 + 150_000 * 9)


def test_on_the_first_of_a_month_only_today_is_known() -> None:
    assert forecast(date(2026, 11, 1), {}, 100) == Forecast(date(2026, 11, 1), 100, 3000)


def test_a_release_after_one_that_cost_nothing_has_no_change() -> None:
    free, paid = with_changes([ReleaseCost("a", NOON, 5, 0), ReleaseCost("b", NOON, 5, 10)])
    assert (free.change, paid.change) == (None, None)


async def test_units_over_http(client: httpx.AsyncClient, database: Database, tenant: UUID) -> None:
    await charge(costs_of(database), tenant, [("answer", MILLION, "a" * 64)])
    days = {"since": "2026-11-01", "until": "2026-11-30"}
    shown = (await client.get("/v1/costs/units", params=days)).json()
    spent = {"micro_usd": 150_000}
    assert shown["units"] == [
        {"name": "answer", "count": 1, "micro_usd_each": 150_000.0, **spent},
        {"name": "resolved answer", "count": 0, "micro_usd_each": None, **spent},
    ]
    assert [release["release_id"] for release in shown["releases"]] == ["a" * 64]


async def test_costs_as_a_table_for_other_programs(client: httpx.AsyncClient, database: Database, tenant: UUID) -> None:
    await charge(costs_of(database), tenant, [("answer", MILLION, "a" * 64)])
    reply = await client.get("/v1/costs.csv", params={"since": "2026-11-01", "until": "2026-11-30"})
    assert reply.headers["content-type"].startswith("text/csv")
    lines = reply.text.splitlines()
    assert lines[0] == "by,key,calls,input_tokens,cached_tokens,output_tokens,reasoning_tokens,micro_usd"
    assert lines[1] == "day,2026-11-22,1,1000000,0,0,0,150000"
    assert f"release,{'a' * 64},1,1000000,0,0,0,150000" in lines
    assert lines[-2:] == ["unit,answer,1,,,,,150000", "unit,resolved answer,0,,,,,150000"]


@pytest.mark.parametrize("role", ["user", "reviewer"])
async def test_only_who_may_see_costs_sees_budgets(client: httpx.AsyncClient, state, tenant: UUID, role: str) -> None:  # type: ignore[no-untyped-def]
    key = (await state.identity.create_key(tenant, "test", [role])).text
    for path in ("/v1/budgets", "/v1/costs/units", "/v1/costs.csv"):
        assert (await client.get(path, headers={"authorization": f"Bearer {key}"})).status_code == 403


async def test_budgets_over_http(client: httpx.AsyncClient) -> None:
    wanted = {"scope": "tenant", "span": "day", "usd": "0.5", "reason": "a test"}
    assert (await client.put("/v1/budgets", json=wanted)).json()["limit_micro_usd"] == 500_000
    granted = (await client.post("/v1/budgets/grants", json={**wanted, "usd": "0.25"})).json()
    assert (granted["limit_micro_usd"], granted["granted_micro_usd"]) == (750_000, 250_000)
    shown = {(each["scope"], each["span"]): each for each in (await client.get("/v1/budgets")).json()}
    assert shown["tenant", "day"]["set_by_hand"]
    assert (await client.put("/v1/budgets", json={**wanted, "usd": None})).json()["limit_micro_usd"] is None


@pytest.mark.parametrize(
    "wrong", [{"usd": "-1"}, {"usd": "NaN"}, {"usd": "0.0000001"}, {"span": "week"}, {"reason": ""}]
)
async def test_an_amount_that_cannot_be_is_refused(client: httpx.AsyncClient, wrong: dict[str, str]) -> None:
    wanted = {"scope": "tenant", "span": "day", "usd": "0.5", "reason": "a test", **wrong}
    assert (await client.put("/v1/budgets", json=wanted)).status_code in (400, 422)
