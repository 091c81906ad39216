from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.core.clock import ManualClock
from app.core.database import Database
from app.costs.domain import Usage
from app.costs.domain.reconciliation import DailyUsage, Deviation, ExportUnusable, compare, read_export
from tests.costs.ledger import charged
from tests.costs.test_ledger import NOON, costs_of

DAY = date(2026, 11, 22)


def test_lines_of_the_same_day_and_model_are_added_up() -> None:
    export = "date,model,prompt_tokens,completion_tokens,cost\n2026-11-22,m,10,5,0.000003\n2026-11-22,m,1,2,0.000001\n"
    assert read_export(export.encode()) == {(DAY, "m"): DailyUsage(11, 7, 4)}


def test_json_lines_are_read_as_well() -> None:
    export = '{"day": "2026-11-22T01:00:00Z", "model": "m", "input_tokens": 3, "output_tokens": 4}\n\n'
    assert read_export(export.encode()) == {(DAY, "m"): DailyUsage(3, 4)}


@pytest.mark.parametrize(
    "export",
    [
        "",
        "day,model\n",
        "day,model,input_tokens\nyesterday,m,1\n",
        "day,model,input_tokens\n2026-11-22,,1\n",
        "day,model,input_tokens\n2026-11-22,m,-1\n",
        "day,model,input_tokens,usd\n2026-11-22,m,1,NaN\n",
        "{broken\n",
    ],
)
def test_an_export_that_makes_no_sense_is_refused(export: str) -> None:
    with pytest.raises(ExportUnusable):
        read_export(export.encode())


def test_only_what_differs_is_told() -> None:
    ledger = {
        (DAY, "same"): DailyUsage(1, 2, 30),
        (DAY, "more"): DailyUsage(5, 5, 50),
        (DAY, "ours"): DailyUsage(1, 1, 1),
    }
    provider = {(DAY, "same"): DailyUsage(1, 2), (DAY, "more"): DailyUsage(5, 6), (DAY, "theirs"): DailyUsage(2, 0)}
    assert [(each.model, each.ledger, each.provider) for each in compare(ledger, provider)] == [
        ("more", DailyUsage(5, 5, 50), DailyUsage(5, 6)),
        ("ours", DailyUsage(1, 1, 1), DailyUsage()),
        ("theirs", DailyUsage(0, 0, 0), DailyUsage(2, 0)),
    ]


def test_another_amount_for_the_same_tokens_is_told() -> None:
    found = compare({(DAY, "m"): DailyUsage(1, 1, 30)}, {(DAY, "m"): DailyUsage(1, 1, 31)})
    assert found == [Deviation(DAY, "m", DailyUsage(1, 1, 30), DailyUsage(1, 1, 31))]


async def test_the_ledger_is_compared_day_by_day(database: Database) -> None:
    tenant = uuid4()
    costs = costs_of(database, ManualClock(NOON))
    async with database.transaction(tenant) as connection:
        await charged(costs, connection, tenant, "answer", "paid", Usage(100, output=10))
        await charged(costs, connection, tenant, "answer", "extractive", Usage(0))
        assert (await connection.execute(text("select count(*) from ledger"))).scalar_one() == 2
    export = "day,model,input_tokens,output_tokens\n2026-11-22,paid,100,10\n"
    assert await costs.reconcile(read_export(export.encode()), [tenant]) == []
    export = "day,model,input_tokens,output_tokens\n2026-11-22,paid,100,12\n"
    (found,) = await costs.reconcile(read_export(export.encode()), [tenant])
    assert (found.ledger.output, found.provider.output) == (10, 12)
