from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.costs.domain import LedgerRow, Total, Totals
from app.costs.tables import ledger

COLUMNS = tuple(column.name for column in ledger.columns)
VALUES = ", ".join(f"%({name})s" for name in COLUMNS)
LEDGER_SQL = f"insert into ledger ({', '.join(COLUMNS)}) values ({VALUES})"  # noqa: S608

SUMS = text(
    """
    with charged as (
        select (at at time zone :zone)::date::text as day, feature, model,
               coalesce(release_id, '') as release,
               input_tokens, cached_tokens, output_tokens, reasoning_tokens, micro_usd
        from ledger
        where tenant_id = :tenant
          and at >= (:since)::date::timestamp at time zone :zone
          and at < ((:until)::date + 1)::timestamp at time zone :zone
    )
    select grouping(day, feature, model, release) as by, coalesce(day, feature, model, release, '') as key,
           count(*) as calls, coalesce(sum(input_tokens), 0)::bigint as input_tokens,
           coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
           coalesce(sum(output_tokens), 0)::bigint as output_tokens,
           coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
           coalesce(sum(micro_usd), 0)::bigint as micro_usd
    from charged
    group by grouping sets ((), (day), (feature), (model), (release))
    order by 1, case when grouping(day) = 0 then day end desc nulls last, micro_usd desc, key
    """
)
BY_DAY, BY_FEATURE, BY_MODEL, BY_RELEASE, OVERALL = 0b0111, 0b1011, 0b1101, 0b1110, 0b1111


def ledger_parameters(row: LedgerRow) -> dict[str, Any]:
    """The parameters of LEDGER_SQL for one row."""
    charge = row.charge
    return {
        "id": row.id,
        "tenant_id": row.tenant_id,
        "at": row.at,
        "kind": row.kind,
        "feature": row.feature,
        "subject_id": row.subject_id,
        "key_id": row.key_id,
        "release_id": row.release_id,
        "provider": charge.provider,
        "model": charge.model,
        "input_tokens": charge.usage.input,
        "cached_tokens": charge.usage.cached_input,
        "output_tokens": charge.usage.output,
        "reasoning_tokens": charge.usage.reasoning,
        "input_price": charge.prices.input,
        "cached_price": charge.prices.cached_input,
        "output_price": charge.prices.output,
        "call_price": charge.prices.call,
        "price_table": charge.price_table,
        "micro_usd": charge.micro_usd,
    }


async def insert_rows(connection: AsyncConnection, rows: Sequence[LedgerRow]) -> None:
    if rows:
        await connection.execute(ledger.insert(), [ledger_parameters(row) for row in rows])


async def totals(connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> Totals:
    rows = (await connection.execute(SUMS, {"tenant": tenant, "since": since, "until": until, "zone": zone})).mappings()
    groups: dict[int, list[Total]] = {by: [] for by in (BY_DAY, BY_FEATURE, BY_MODEL, BY_RELEASE, OVERALL)}
    for row in rows:
        groups[row["by"]].append(_total(row))
    parts = (tuple(groups[by]) for by in (BY_DAY, BY_FEATURE, BY_MODEL, BY_RELEASE))
    return Totals(since, until, zone, groups[OVERALL][0], *parts)


def _total(row: RowMapping) -> Total:
    return Total(**{name: row[name] for name in Total.__dataclass_fields__})
