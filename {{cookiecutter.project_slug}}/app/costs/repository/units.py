from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.costs.domain.reconciling import Spent
from app.costs.domain.units import ReleaseCost, Unit

_WITHIN = """
    tenant_id = :tenant and at >= (:since)::date::timestamp at time zone :zone
    and at < ((:until)::date + 1)::timestamp at time zone :zone
"""
_UNITS = text(
    f"""
    select case when feature = 'answer' then 'answer' when feature = 'embedding_document' then 'document'
                when feature in ('evaluation', 'judging') then 'evaluation' end as name,
           count(distinct subject_id) as count, sum(micro_usd)::bigint as micro_usd
    from ledger where {_WITHIN} and feature in ('answer', 'embedding_document', 'evaluation', 'judging')
    group by 1 order by 1
    """  # noqa: S608
)
_RELEASES = text(
    f"""
    select release_id, min(at) as first_at, count(distinct subject_id) as answers, sum(micro_usd)::bigint as micro_usd
    from ledger where {_WITHIN} and feature = 'answer' and environment = 'production' and release_id is not null
    group by 1 order by 2
    """  # noqa: S608
)


_ACCOUNT = text(
    f"""
    select (at at time zone :zone)::date as day, model, sum(input_tokens)::bigint, sum(output_tokens)::bigint,
           sum(micro_usd)::bigint
    from ledger where {_WITHIN} group by 1, 2 having sum(micro_usd) > 0
    """  # noqa: S608
)


async def account(connection: AsyncConnection, tenant: UUID, since: date, until: date) -> dict[tuple[date, str], Spent]:
    """Days as providers have them, in UTC."""
    asked = {"tenant": tenant, "since": since, "until": until, "zone": "UTC"}
    rows = await connection.execute(_ACCOUNT, asked)
    return {(day, model): Spent(*spent) for day, model, *spent in rows}


async def units(connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> list[Unit]:
    asked = {"tenant": tenant, "since": since, "until": until, "zone": zone}
    return [Unit(*row) for row in await connection.execute(_UNITS, asked)]


async def releases(connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> list[ReleaseCost]:
    asked = {"tenant": tenant, "since": since, "until": until, "zone": zone}
    return [ReleaseCost(*row) for row in await connection.execute(_RELEASES, asked)]
