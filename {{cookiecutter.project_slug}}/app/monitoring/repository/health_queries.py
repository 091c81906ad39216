"""Counts what the health of a tenant's data is judged by, under row-level security."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.monitoring.domain.data_health.observations import (
    ENDED_DAYS,
    RECENT_DAYS,
    ArrivalHour,
    ChangedTable,
    DataObservations,
    HeldBack,
    IndexMatch,
    UncitedDocuments,
    UnfinishedVersions,
)

_MAX_TABLES = 100

_DAY = "floor(extract(epoch from cast(:now as timestamptz) - v.received_at) / 86400)::int"
_NEWEST = "(array_agg(v.document_id order by v.received_at desc))[1:5]"
_ARRIVALS = text(
    """
    select source, first, last, floor(extract(epoch from cast(:now as timestamptz) - last) / 86400)::int, versions
    from (
        select source, min(received_at) as first, max(received_at) as last, count(*) as versions
        from document_versions where tenant_id = :tenant and received_at >= :ended and received_at <= :now
        group by source, date_bin('1 hour', received_at, :now)
    ) hours
    """
)
_LIVING = text("select distinct source from documents where tenant_id = :tenant and deleted_at is null")
_QUARANTINED = text(
    f"""
    select q.reason, {_DAY}, count(*), {_NEWEST}
    from quarantine q join document_versions v
        on v.tenant_id = q.tenant_id and v.document_id = q.document_id and v.version = q.version
    where q.tenant_id = :tenant and q.created_at >= :since and v.received_at >= :since and v.received_at <= :now
    group by 1, 2
    """  # noqa: S608
)
_DUPLICATES = text(
    f"""
    select 'duplicate', {_DAY}, count(*), {_NEWEST} from document_versions v
    where v.tenant_id = :tenant and v.received_at >= :since and v.received_at <= :now and (
        v.copy_of <> '' or v.findings @> '[{{"rule": "near_duplicate"}}]' or exists (
            select from quarantine q where q.tenant_id = v.tenant_id and q.document_id = v.document_id
              and q.version = v.version and q.reason in ('exact_duplicate', 'near_duplicate')))
    group by 1, 2
    """  # noqa: S608
)
# Files of before with the same columns speak for a source when there are three, and they are most of its tables.
_TABLES = text(
    """
    with tables as materialized (
        select d.id, d.source, v.version, v.received_at, v.columns
        from documents d join document_versions v
            on v.tenant_id = d.tenant_id and v.document_id = d.id and v.version = d.version
        where d.tenant_id = :tenant and d.deleted_at is null and v.columns <> '{}'
    ), grouped as (
        select source, columns, count(*) as files, min(id::text)::uuid as id
        from tables where received_at < :recent group by 1, 2
    ), usual as (
        select distinct on (source) source, columns, files, id, sum(files) over (partition by source) as all_files
        from grouped order by source, files desc
    )
    select t.id, t.source, t.columns, case when p.columns is null then u.id end, coalesce(p.columns, u.columns)
    from tables t
    left join lateral (
        select columns from document_versions b where b.tenant_id = :tenant and b.document_id = t.id
          and b.version < t.version and b.columns <> '{}' order by b.version desc limit 1
    ) p on true
    left join usual u on u.source = t.source and u.files >= 3 and u.files * 2 > u.all_files
    where t.received_at >= :recent and t.received_at <= :now
      and not (t.columns @> coalesce(p.columns, u.columns) and t.columns <@ coalesce(p.columns, u.columns))
    order by t.received_at desc, t.id limit :limit
    """
)
_UNFINISHED = text(
    """
    select min(v.received_at), (array_agg(v.document_id order by v.received_at))[1:5]
    from document_versions v join documents d
        on d.tenant_id = v.tenant_id and d.id = v.document_id and d.version = v.version
    where v.tenant_id = :tenant and v.status in ('received', 'processing') and d.deleted_at is null
    """
)
# A document without text has no chunks in any index. The text is looked at last, as it is large.
_MISSING = text(
    """
    with missing as materialized (
        select d.id, d.live_version from documents d
        where d.tenant_id = :tenant and d.live_version is not null and not exists (
            select from chunks c where c.tenant_id = :tenant and c.document_id = d.id and c.index_number = :index
              and c.gone is null and c.document_version = d.live_version)
    )
    select count(*), (array_agg(m.id order by m.id))[1:5]
    from missing m left join indexed_documents i on i.tenant_id = :tenant and i.document_id = m.id
    where i.document_id is null or i.withdrawn or i.version <> m.live_version or i.text !~ '^\\s*$'
    """
)
_UNCITED = text(
    """
    with cited as materialized (
        select distinct (jsonb_path_query(a.body, '$.citations[*].document_id') #>> '{}')::uuid as id from answers a
        where a.tenant_id = :tenant and a.environment = 'production' and a.created_at >= :old and a.created_at <= :now
    )
    select count(*), count(*) filter (where c.id is null), (
            select count(*) from answers a where a.tenant_id = :tenant and a.environment = 'production'
              and a.created_at >= :old and a.created_at <= :now),
        (array_agg(d.id order by d.created_at) filter (where c.id is null))[1:5]
    from documents d left join cited c on c.id = d.id
    where d.tenant_id = :tenant and d.live_version is not null and d.created_at < :old
    """
)


@dataclass(frozen=True, slots=True)
class ObservedIndex:
    """The live index of this process, and whether its embedder is the one that the settings name."""

    number: int
    same_embedder: bool


async def observe(
    connection: AsyncConnection, tenant: UUID, now: datetime, days: int, index: ObservedIndex
) -> DataObservations:
    """days: how many say what is usual."""
    values = {
        "tenant": tenant,
        "now": now,
        "since": now - timedelta(days=days + RECENT_DAYS),
        "ended": now - timedelta(days=days + ENDED_DAYS),
        "recent": now - timedelta(days=RECENT_DAYS),
        "old": now - timedelta(days=days),
        "index": index.number,
        "limit": _MAX_TABLES,
    }

    async def rows(query: Any) -> list[Any]:
        return list(await connection.execute(query, values))

    ((oldest, waiting),) = await rows(_UNFINISHED)
    ((missing, lacking),) = await rows(_MISSING)
    ((documents, never_cited, answers, uncited),) = await rows(_UNCITED)
    return DataObservations(
        arrivals=[ArrivalHour(*row) for row in await rows(_ARRIVALS)],
        living=frozenset(row.source for row in await rows(_LIVING)),
        quarantined=[_held_back(row) for row in await rows(_QUARANTINED)],
        duplicates=[_held_back(row) for row in await rows(_DUPLICATES)],
        tables=[ChangedTable(row[0], row[1], tuple(row[2]), row[3], tuple(row[4])) for row in await rows(_TABLES)],
        unfinished=UnfinishedVersions(oldest, tuple(waiting or ())),
        index=IndexMatch(index.number, index.same_embedder, missing, tuple(lacking or ())),
        uncited=UncitedDocuments(documents, never_cited, answers, tuple(uncited or ())),
    )


def _held_back(row: Any) -> HeldBack:
    reason, day, versions, examples = row
    return HeldBack(reason, day, versions, tuple(examples))
