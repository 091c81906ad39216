"""What the database holds as evidence of readiness: counts and times, no content. Under row-level security, so that
facts of tenants are read tenant by tenant.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_UNGUARDED = text(
    """
    select c.relname,
           c.relrowsecurity and c.relforcerowsecurity and exists (
               select from pg_policies p where p.schemaname = 'public' and p.tablename = c.relname
                 and p.permissive = 'PERMISSIVE' and p.qual like '%app.tenant_id%'
           ) and not exists (
               select from pg_policies p where p.schemaname = 'public' and p.tablename = c.relname
                 and p.permissive = 'PERMISSIVE' and p.roles && array['public', current_user]::name[]
                 and coalesce(p.qual, p.with_check) not like '%app.tenant_id%'
           ) as guarded
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and a.attname = 'tenant_id' and not a.attisdropped and c.relname <> all(:read_as_owner)
    order by 1
    """
)
_DOCUMENTS = text(
    "select d.source, count(*) as count, max(v.ended_at) as newest from documents d join document_versions v "
    "on v.tenant_id = d.tenant_id and v.document_id = d.id and v.version = d.live_version "
    "where d.tenant_id = :tenant group by 1"
)
_QUARANTINE = text(
    "select count(*) as count, min(created_at) as oldest from quarantine where tenant_id = :tenant and decision is null"
)
_HEALTH_CHECKED = text("select finished_at from monitoring_runs where tenant_id = :tenant and kind = 'health'")
_UNHEALTHY = text(
    "select distinct signal from data_health_signals where tenant_id = :tenant and unhealthy order by signal"
)
_REVIEWS = text(
    "select count(*) as open, count(*) filter (where due_at < :now) as overdue, "
    "min(due_at) filter (where due_at < :now) as oldest_due "
    "from review_items where tenant_id = :tenant and state = 'open'"
)
_TIMES = text(
    "select (body->'timings_ms'->>'total')::double precision as ms, exists (select from ledger l "
    "where l.tenant_id = a.tenant_id and l.subject_id = a.id) as charged from answers a "
    "where a.tenant_id = :tenant and a.created_at >= :since and a.environment = 'production' "
    "order by a.created_at desc limit :most"
)
_RATINGS = text(
    "select count(*) as count, max(created_at) as newest from feedback "
    "where tenant_id = :tenant and created_at >= :since"
)
_KEYS = text(
    "select prefix, name, created_at, expires_at, last_used_at, coalesce(person, name) as person, roles from api_keys "
    "where tenant_id = :tenant and revoked_at is null and (expires_at is null or expires_at > :now)"
)
_PEOPLE = text("select name as person, roles from identities where tenant_id = :tenant and revoked_at is null")
_LEDGER = text(
    "select coalesce(sum(micro_usd), 0)::bigint from ledger where tenant_id = :tenant "
    "and at >= (:first)::date::timestamp at time zone :zone"
)


class GuardedTable(NamedTuple):
    name: str
    guarded: bool


class PublishedSource(NamedTuple):
    source: str
    number: int
    newest: datetime | None


class AgedCount(NamedTuple):
    number: int
    at: datetime | None


class OpenReviews(NamedTuple):
    open: int
    overdue: int
    oldest_due: datetime | None


class AnswerTime(NamedTuple):
    ms: float | None
    charged: bool


class ValidKey(NamedTuple):
    prefix: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    person: str
    roles: Sequence[str]


class KnownPerson(NamedTuple):
    name: str
    roles: Sequence[str]


async def tenant_tables(connection: AsyncConnection, read_as_owner: Sequence[str]) -> list[GuardedTable]:
    """Every table with rows of tenants, and whether a forced policy on the tenant, and no wider one, guards it."""
    rows = await connection.execute(_UNGUARDED, {"read_as_owner": list(read_as_owner)})
    return [GuardedTable(*row) for row in rows]


async def published_sources(connection: AsyncConnection, tenant: UUID) -> list[PublishedSource]:
    return [PublishedSource(*row) for row in await connection.execute(_DOCUMENTS, {"tenant": tenant})]


async def undecided(connection: AsyncConnection, tenant: UUID) -> AgedCount:
    """Of the quarantine, with the time of the oldest."""
    return AgedCount(*(await connection.execute(_QUARANTINE, {"tenant": tenant})).one())


async def open_reviews(connection: AsyncConnection, tenant: UUID, now: datetime) -> OpenReviews:
    return OpenReviews(*(await connection.execute(_REVIEWS, {"tenant": tenant, "now": now})).one())


async def answer_times(connection: AsyncConnection, tenant: UUID, since: datetime, most: int) -> list[AnswerTime]:
    """Of the newest answers in production."""
    parameters = {"tenant": tenant, "since": since, "most": most}
    return [AnswerTime(*row) for row in await connection.execute(_TIMES, parameters)]


async def data_checked(connection: AsyncConnection, tenant: UUID) -> datetime | None:
    """When the data of a tenant was checked last."""
    at: datetime | None = (await connection.execute(_HEALTH_CHECKED, {"tenant": tenant})).scalar()
    return at


async def unhealthy_signals(connection: AsyncConnection, tenant: UUID) -> list[str]:
    """Of the newest check of a tenant's data."""
    return list((await connection.execute(_UNHEALTHY, {"tenant": tenant})).scalars())


async def ratings(connection: AsyncConnection, tenant: UUID, since: datetime) -> AgedCount:
    """Of feedback, with the time of the newest."""
    return AgedCount(*(await connection.execute(_RATINGS, {"tenant": tenant, "since": since})).one())


async def valid_keys(connection: AsyncConnection, tenant: UUID, now: datetime) -> list[ValidKey]:
    return [ValidKey(*row) for row in await connection.execute(_KEYS, {"tenant": tenant, "now": now})]


async def people(connection: AsyncConnection, tenant: UUID) -> list[KnownPerson]:
    """Identities of the identity provider that are not revoked."""
    return [KnownPerson(*row) for row in await connection.execute(_PEOPLE, {"tenant": tenant})]


async def ledger_sum(connection: AsyncConnection, tenant: UUID, first: date, zone: str) -> int:
    """In micro-dollars, from a day on in the time zone."""
    parameters = {"tenant": tenant, "first": first, "zone": zone}
    return int((await connection.execute(_LEDGER, parameters)).scalar_one())
