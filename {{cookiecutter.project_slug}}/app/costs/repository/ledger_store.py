from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.costs.domain.ledger_rows import CostReport, CostTotal, LedgerRow
from app.costs.repository.answer_statements import LEDGER_COLUMNS, ledger_parameters
from app.costs.tables import ledger

SUMS = text(
    """
    with charged as (
        select (at at time zone :zone)::date::text as day, feature, model,
               coalesce(release_id, '') as release, environment,
               input_tokens, cached_tokens, output_tokens, reasoning_tokens, micro_usd
        from ledger
        where tenant_id = :tenant
          and at >= (:since)::date::timestamp at time zone :zone
          and at < ((:until)::date + 1)::timestamp at time zone :zone
    )
    select grouping(day, feature, model, release, environment) as by,
           coalesce(day, feature, model, release, environment, '') as key,
           count(*) as calls, coalesce(sum(input_tokens), 0)::bigint as input_tokens,
           coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
           coalesce(sum(output_tokens), 0)::bigint as output_tokens,
           coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
           coalesce(sum(micro_usd), 0)::bigint as micro_usd
    from charged
    group by grouping sets ((), (day), (feature), (model), (release), (environment))
    order by 1, case when grouping(day) = 0 then day end desc nulls last, micro_usd desc, key
    """
)
BY_DAY, BY_FEATURE, BY_MODEL, BY_RELEASE, BY_ENVIRONMENT = 0b01111, 0b10111, 0b11011, 0b11101, 0b11110
OVERALL = 0b11111
PARTS = (BY_DAY, BY_FEATURE, BY_MODEL, BY_RELEASE, BY_ENVIRONMENT)


async def insert_rows(connection: AsyncConnection, rows: Sequence[LedgerRow]) -> None:
    if rows:
        await connection.execute(
            ledger.insert(), [dict(zip(LEDGER_COLUMNS, ledger_parameters(row), strict=True)) for row in rows]
        )


async def totals(connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> CostReport:
    rows = (await connection.execute(SUMS, {"tenant": tenant, "since": since, "until": until, "zone": zone})).mappings()
    groups: dict[int, list[CostTotal]] = {by: [] for by in (*PARTS, OVERALL)}
    for row in rows:
        groups[row["by"]].append(_total(row))
    parts = (tuple(groups[by]) for by in PARTS)
    return CostReport(since, until, zone, groups[OVERALL][0], *parts)


def _total(row: RowMapping) -> CostTotal:
    return CostTotal(**{name: row[name] for name in CostTotal.__dataclass_fields__})
