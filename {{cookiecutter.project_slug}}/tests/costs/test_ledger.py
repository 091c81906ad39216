from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.clock import ManualClock
from app.core.database import Database
from app.core.embedded import Urls
from app.core.ids import new_id
from app.costs.domain import (
    CostPolicy,
    ModelPrice,
    ModelUnpriced,
    PriceTable,
    Tier,
    UnitPrices,
    Usage,
)
from app.costs.domain.budgets import Settlement
from app.costs.repository.answer_statements import LEDGER_COLUMNS, LEDGER_SQL, ledger_parameters
from app.costs.service import Costs
from app.costs.tables import ledger
from tests.costs.ledger import charged

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def costs_of(database: Database, clock: ManualClock | None = None, time_zone: str = "UTC") -> Costs:
    unit = UnitPrices(Decimal("0.15"), Decimal("0.075"), Decimal("0.60"))
    free = UnitPrices(Decimal(0), Decimal(0), Decimal(0))
    table = PriceTable(
        [
            ModelPrice("paid", "somewhere", "list", (Tier(0, unit),)),
            ModelPrice("extractive", "local", "local", (Tier(0, free),)),
        ]
    )
    policy = CostPolicy(owner="someone", monthly_budget_usd=Decimal(1), time_zone=time_zone)
    return Costs(policy, table, database, clock or ManualClock(NOON))


async def rows(database: Database, tenant: UUID) -> list[dict[str, object]]:
    async with database.read(tenant) as connection:
        found = await connection.execute(text("select * from ledger order by at, id"))
        return [dict(row) for row in found.mappings()]


async def test_a_charge_is_written_with_everything_needed_to_work_it_out_again(
    database: Database, tenant: UUID
) -> None:
    costs, subject, key = costs_of(database), new_id(), new_id()
    async with database.transaction(tenant) as connection:
        charge = await charged(
            costs,
            connection,
            tenant,
            "answer",
            "paid",
            Usage(1001, 400, 300, 100),
            subject_id=subject,
            key_id=key,
            release_id="r" * 64,
        )
    assert charge.micro_usd == 301  # 601 * 0.15 + 400 * 0.075 + 300 * 0.60 = 300.15
    (row,) = await rows(database, tenant)
    again = (
        (int(str(row["input_tokens"])) - int(str(row["cached_tokens"]))) * Decimal(str(row["input_price"]))
        + int(str(row["cached_tokens"])) * Decimal(str(row["cached_price"]))
        + int(str(row["output_tokens"])) * Decimal(str(row["output_price"]))
    )
    assert -(-again // 1) <= Decimal(str(row["micro_usd"])) < again + 1
    assert (row["subject_id"], row["key_id"], row["release_id"]) == (subject, key, "r" * 64)
    assert (row["provider"], row["model"], row["price_table"]) == ("somewhere", "paid", costs.table.digest)
    assert row["reasoning_tokens"] == 100
    assert row["at"] == NOON


async def test_local_work_has_its_row_too(database: Database, tenant: UUID) -> None:
    async with database.transaction(tenant) as connection:
        await charged(costs_of(database), connection, tenant, "answer", "extractive", Usage(900, 0, 40))
    (row,) = await rows(database, tenant)
    assert (row["micro_usd"], row["input_tokens"], row["output_tokens"]) == (0, 900, 40)


async def test_a_charge_lives_and_dies_with_the_callers_transaction(database: Database, tenant: UUID) -> None:
    async def fail_after_charging() -> None:
        async with database.transaction(tenant) as connection:
            await charged(costs_of(database), connection, tenant, "search", "paid", Usage(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_after_charging()
    assert await rows(database, tenant) == []


async def test_work_that_was_charged_meanwhile_is_not_charged_again(database: Database, tenant: UUID) -> None:
    """By another row of its subject, or by the same row of a charge whose reply was lost."""
    costs, subject = costs_of(database), new_id()
    for _ in range(2):
        row = costs.row(tenant, "answer", "paid", Usage(1000, output=10), subject_id=subject)
        await costs.abandon(tenant, subject, [row], Settlement((), row.charge.micro_usd))
    other = costs.row(tenant, "embedding_query", "paid", Usage(1000), subject_id=new_id())
    for _ in range(2):
        await costs.abandon(tenant, None, [other], Settlement((), other.charge.micro_usd))
    assert [row["feature"] for row in await rows(database, tenant)] == ["answer", "embedding_query"]


async def test_an_unpriced_model_writes_nothing(database: Database, tenant: UUID) -> None:
    with pytest.raises(ModelUnpriced):
        async with database.transaction(tenant) as connection:
            await charged(costs_of(database), connection, tenant, "answer", "unheard-of", Usage(1))
    assert await rows(database, tenant) == []


async def test_the_hot_path_writes_the_same_row_in_its_own_flush(database: Database, tenant: UUID) -> None:
    costs = costs_of(database)
    row = costs.row(tenant, "answer", "paid", Usage(1000, 0, 100), subject_id=new_id())
    async with database.pipeline(tenant) as connection:
        await connection.execute(LEDGER_SQL.encode(), ledger_parameters(row))
    (stored,) = await rows(database, tenant)
    assert stored == dict(zip(LEDGER_COLUMNS, ledger_parameters(row), strict=True))
    assert stored["micro_usd"] == 210


async def test_a_tenant_sees_only_its_own_rows_and_cannot_write_anothers(database: Database, tenant: UUID) -> None:
    costs, other = costs_of(database), uuid4()
    async with database.transaction(tenant) as connection:
        await charged(costs, connection, tenant, "answer", "paid", Usage(1000))
    assert await rows(database, other) == []
    assert (await costs.totals(other)).total.calls == 0
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.transaction(other) as connection:
            await charged(costs, connection, tenant, "answer", "paid", Usage(1000))


@pytest.mark.parametrize("statement", ["update ledger set micro_usd = 0", "delete from ledger"])
async def test_the_application_can_only_add_to_the_ledger(database: Database, tenant: UUID, statement: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.transaction(tenant) as connection:
            await connection.execute(text(statement))


@pytest.mark.parametrize("statement", ["update ledger set micro_usd = 0", "delete from ledger", "truncate ledger"])
async def test_not_even_the_owner_changes_the_ledger(database: Database, database_urls: Urls, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_urls.owner) as connection:
        with pytest.raises(psycopg.errors.RestrictViolation, match="never changed"):
            await connection.execute(statement.encode())


@pytest.mark.parametrize(
    "wrong",
    [{"micro_usd": 209}, {"micro_usd": 211}, {"cached_tokens": 1001}, {"reasoning_tokens": 101}, {"kind": "gift"}],
)
async def test_the_database_refuses_a_row_that_does_not_add_up(
    database: Database, tenant: UUID, wrong: dict[str, object]
) -> None:
    row = costs_of(database).row(tenant, "answer", "paid", Usage(1000, 0, 100))
    values = dict(zip(ledger.columns.keys(), ledger_parameters(row), strict=True)) | wrong
    with pytest.raises(psycopg.errors.CheckViolation):
        async with database.pipeline(tenant) as connection:
            await connection.execute(LEDGER_SQL.encode(), tuple(values.values()))


async def test_totals_by_day_feature_model_and_release_each_add_up(database: Database, tenant: UUID) -> None:
    clock = ManualClock(NOON - timedelta(days=2))
    costs = costs_of(database, clock)
    async with database.transaction(tenant) as connection:
        for day in range(3):
            await charged(costs, connection, tenant, "answer", "paid", Usage(1000, 0, 100), release_id="one")
            await charged(costs, connection, tenant, "search", "extractive", Usage(50 + day))
            clock.advance(24 * 3600)
    clock.advance(-24 * 3600)
    found = await costs.totals(tenant)
    assert (found.total.calls, found.total.micro_usd, found.total.input_tokens) == (6, 630, 3153)
    assert [each.key for each in found.by_day] == ["2026-11-22", "2026-11-21", "2026-11-20"]
    assert {each.key: each.micro_usd for each in found.by_feature} == {"answer": 630, "search": 0}
    assert {each.key: each.calls for each in found.by_model} == {"paid": 3, "extractive": 3}
    assert {each.key: each.micro_usd for each in found.by_release} == {"one": 630, "": 0}
    for parts in (found.by_day, found.by_feature, found.by_model, found.by_release):
        assert sum(each.micro_usd for each in parts) == found.total.micro_usd


async def test_only_the_days_asked_for_are_counted_both_ends_included(database: Database, tenant: UUID) -> None:
    clock = ManualClock(NOON - timedelta(days=3))
    costs = costs_of(database, clock)
    async with database.transaction(tenant) as connection:
        for _ in range(4):
            await charged(costs, connection, tenant, "answer", "paid", Usage(1000, 0, 100))
            clock.advance(24 * 3600)
    found = await costs.totals(tenant, date(2026, 11, 20), date(2026, 11, 21))
    assert [each.key for each in found.by_day] == ["2026-11-21", "2026-11-20"]


def test_a_cached_token_is_counted_once(database: Database, tenant: UUID) -> None:
    def counted() -> list[float]:
        kinds, labels = ("input", "cached_input", "output"), {"feature": "answer", "model": "paid"}
        return [REGISTRY.get_sample_value("app_tokens_total", {**labels, "kind": kind}) or 0 for kind in kinds]

    costs, before = costs_of(database), counted()
    costs.count([costs.row(tenant, "answer", "paid", Usage(1001, 400, 300, 100))])
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [601, 400, 300]


async def test_a_day_begins_at_midnight_in_the_policys_time_zone(database: Database, tenant: UUID) -> None:
    late = ManualClock(datetime(2026, 11, 22, 23, 30, tzinfo=UTC))
    costs = costs_of(database, late, "Europe/Berlin")
    async with database.transaction(tenant) as connection:
        await charged(costs, connection, tenant, "answer", "paid", Usage(1000))
    assert [each.key for each in (await costs.totals(tenant)).by_day] == ["2026-11-23"]


async def test_nothing_spent_is_a_report_of_nothing(database: Database, tenant: UUID) -> None:
    found = await costs_of(database).totals(tenant)
    assert found.total.calls == found.total.micro_usd == 0
    assert found.by_day == found.by_model == ()


async def test_each_charge_is_counted_in_the_metrics(database: Database, tenant: UUID) -> None:
    def counted() -> float:
        labels = {"feature": "judging", "model": "paid", "environment": "production"}
        return REGISTRY.get_sample_value("app_cost_micro_usd_total", labels) or 0.0

    before = counted()
    async with database.transaction(tenant) as connection:
        await charged(costs_of(database), connection, tenant, "judging", "paid", Usage(1000, 0, 100))
    assert counted() - before == 210
