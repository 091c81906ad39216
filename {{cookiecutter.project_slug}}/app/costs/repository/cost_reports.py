from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.costs.domain.reconciliation import DailyUsage
from app.costs.domain.unit_costs import ReleaseCost, UnitCost

_WITHIN = """
    tenant_id = :tenant and at >= (:since)::date::timestamp at time zone :zone
    and at < ((:until)::date + 1)::timestamp at time zone :zone
"""
# The embedding of its question is part of the cost of an answer; the embedding of a plain search is not.
_CHARGED = f"""
    with charged as (
        select *, case when feature = 'embedding_query' and bool_or(feature = 'answer') over (partition by subject_id)
                       then 'answer' else feature end as part
        from ledger where {_WITHIN}
          and feature in ('answer', 'embedding_query', 'embedding_document', 'evaluation', 'judging')
    )
"""  # noqa: S608
_UNITS = text(
    _CHARGED  # noqa: S608
    + """
    select case when part = 'answer' then 'answer' when part = 'embedding_document' then 'document'
                else 'evaluation' end as name,
           count(distinct subject_id) as count, sum(micro_usd)::bigint as micro_usd
    from charged where part <> 'embedding_query'
    group by 1 order by 1
    """
)
_RELEASES = text(
    _CHARGED  # noqa: S608
    + """
    select release_id, min(at) as first_at, count(distinct subject_id) as answers, sum(micro_usd)::bigint as micro_usd
    from charged where part = 'answer' and environment = 'production' and release_id is not null
    group by 1 order by 2
    """
)
_ACCOUNT = text(
    f"""
    select (at at time zone :zone)::date as day, model, sum(input_tokens)::bigint, sum(output_tokens)::bigint,
           sum(micro_usd)::bigint
    from ledger where {_WITHIN} group by 1, 2 having sum(micro_usd) > 0
    """  # noqa: S608
)


async def account(
    connection: AsyncConnection, tenant: UUID, since: date, until: date
) -> dict[tuple[date, str], DailyUsage]:
    """The usage in the ledger by model and day; days are in UTC, as in providers' exports."""
    parameters = {"tenant": tenant, "since": since, "until": until, "zone": "UTC"}
    rows = await connection.execute(_ACCOUNT, parameters)
    return {(day, model): DailyUsage(*usage) for day, model, *usage in rows}


async def units(connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> list[UnitCost]:
    parameters = {"tenant": tenant, "since": since, "until": until, "zone": zone}
    return [UnitCost(*row) for row in await connection.execute(_UNITS, parameters)]


async def releases(connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> list[ReleaseCost]:
    parameters = {"tenant": tenant, "since": since, "until": until, "zone": zone}
    return [ReleaseCost(*row) for row in await connection.execute(_RELEASES, parameters)]
