from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.costs.domain.ledger_rows import SUMMED, CostReport, CostTotal, LedgerRow
from app.costs.repository.answer_statements import LEDGER_COLUMNS, ledger_parameters
from app.costs.tables import ledger

SUMS = text(
    """
    with charged as (
        select (at at time zone :zone)::date::text as day, feature, model,
               coalesce(release_id, '') as release, environment, coalesce(key_id::text, '') as caller,
               input_tokens, cached_tokens, output_tokens, reasoning_tokens, micro_usd
        from ledger
        where tenant_id = :tenant
          and at >= (:since)::date::timestamp at time zone :zone
          and at < ((:until)::date + 1)::timestamp at time zone :zone
    )
    select grouping(day, feature, model, release, environment, caller) as by,
           coalesce(day, feature, model, release, environment, caller, '') as key,
           count(*) as calls, coalesce(sum(input_tokens), 0)::bigint as input_tokens,
           coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
           coalesce(sum(output_tokens), 0)::bigint as output_tokens,
           coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
           coalesce(sum(micro_usd), 0)::bigint as micro_usd
    from charged
    group by grouping sets ((), (day), (feature), (model), (release), (environment), (caller))
    order by 1, case when grouping(day) = 0 then day end desc nulls last, micro_usd desc, key
    """
)
OVERALL = 0b111111
PARTS = (0b011111, 0b101111, 0b110111, 0b111011, 0b111101, 0b111110)
"""By day, feature, model, release, environment and key: each is the bit that is not set."""
_OF_SUBJECT = text(
    """
    select feature || ' ' || model as key, count(*) as calls, sum(input_tokens)::bigint as input_tokens,
           sum(cached_tokens)::bigint as cached_tokens, sum(output_tokens)::bigint as output_tokens,
           sum(reasoning_tokens)::bigint as reasoning_tokens, sum(micro_usd)::bigint as micro_usd
    from ledger where tenant_id = :tenant and subject_id = :subject group by 1 order by min(id::text)
    """
)


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


async def of_subject(connection: AsyncConnection, tenant: UUID, subject_id: UUID) -> list[CostTotal]:
    """By feature and model, in the order of the first charge."""
    rows = await connection.execute(_OF_SUBJECT, {"tenant": tenant, "subject": subject_id})
    return [_total(row) for row in rows.mappings()]


def _total(row: RowMapping) -> CostTotal:
    return CostTotal(**{name: row[name] for name in ("key", *SUMMED)})
