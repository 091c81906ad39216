"""The queries of this room. All of them run under row-level security: a row of another tenant does not exist here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database, in_one_trip
from app.core.ids import new_id
from app.ingestion.domain.documents import (
    Cursor,
    ExistingDocument,
    ProcessingAttempt,
    QuarantineDecided,
    QuarantineNotFound,
)
from app.ingestion.domain.quality import rules_for_readers
from app.ingestion.domain.quarantine_reasons import QuarantineReason
from app.ingestion.repository import reading
from app.safety.domain.text import Finding

LIVE_CONTENT = text(
    """
    select sha256, access_groups, document_id, version, status, findings from document_versions
    where tenant_id = :tenant and source = :source and sha256 = any(:digests)
      and copy_of = '' and status in ('received', 'processing', 'published')
    """
)
# Locked, so that who may read a document does not change between the look and the upload.
PLACES = text(
    """
    select d.id, d.uri, d.access_groups as readers, v.access_groups as wanted
    from documents d join document_versions v on v.document_id = d.id and v.version = d.version
    where d.tenant_id = :tenant and d.source = :source and d.uri = any(:uris) and d.deleted_at is null
    order by d.uri for update of d
    """
)
SET_READERS = text("update documents set access_groups = :groups, updated_at = :now where id = :document")
ADDRESS = text(
    """
    select id from documents
    where tenant_id = :tenant and source = :source and uri = :uri and deleted_at is null and id <> :document
    """
)
_VERSION_COLUMNS = """document_id, version, tenant_id, source, name, sha256, size, access_groups, metadata, status,
        attempt, released, copy_of, findings, received_at, received_by"""
_VERSION_VALUES = """:tenant, :source, :name, :sha256, :size, :groups, cast(:metadata as jsonb), :status,
        0, '{}', '', '[]', :now, :by"""
# The row lock that the update takes puts uploads to one address in a row. A first version is written at once; before a
# later one the versions before it have to go.
ADD_UPLOAD = text(
    f"""
    with blob as (
        insert into blobs (tenant_id, sha256, size, bytes) values (:tenant, :sha256, :size, :bytes)
        on conflict do nothing
    ), place as (
        insert into documents (id, tenant_id, source, uri, title, access_groups, version, created_at, updated_at)
        values (:id, :tenant, :source, :uri, :title, :groups, 1, :now, :now)
        on conflict (tenant_id, source, uri) where deleted_at is null
        do update set version = documents.version + 1, updated_at = excluded.updated_at
        returning id, version
    ), added as (
        insert into document_versions ({_VERSION_COLUMNS})
        select id, version, {_VERSION_VALUES} from place where version = 1
        on conflict do nothing
        returning version
    )
    select id, version, exists (select 1 from added) as added from place
    """  # noqa: S608
)
ADD_VERSION = text(
    f"""
    insert into document_versions ({_VERSION_COLUMNS}) values (:document, :version, {_VERSION_VALUES})
    on conflict do nothing
    returning version
    """  # noqa: S608
)
SUPERSEDE_QUARANTINED = text(
    """
    with closed as (
        update quarantine set decision = 'superseded', decided_at = :now, decided_by = :by
        where document_id = :document and version < :version and decision is null returning version
    )
    update document_versions set status = 'superseded', ended_at = :now
    where document_id = :document and version in (select version from closed)
    """
)
TAKE_UP = """
    update document_versions v set status = 'processing', attempt = attempt + 1
    from unnest(%(documents)s::uuid[], %(versions)s::int[]) wanted(document, version), documents d, blobs b
    where v.document_id = wanted.document and v.version = wanted.version and v.status in ('received', 'processing')
      and d.id = v.document_id and d.version = v.version and d.deleted_at is null
      and b.tenant_id = v.tenant_id and b.sha256 = v.sha256
    returning v.tenant_id, v.document_id, v.version, v.attempt, v.source, d.uri, v.name, b.bytes, v.access_groups,
        v.metadata, v.released
"""
# Compare-and-set: a worker that was thought dead and wakes up finds another attempt, and changes nothing.
STILL_MINE = """
    select v.document_id
    from unnest(%(documents)s::uuid[], %(versions)s::int[], %(attempts)s::int[]) mine(document, version, attempt)
    join document_versions v on v.document_id = mine.document and v.version = mine.version
    join documents d on d.id = v.document_id
    where v.status = 'processing' and v.attempt = mine.attempt and d.version = v.version and d.deleted_at is null
    for update of v, d
"""
# Who asks for several waits for none of them, and so can block nobody who asks in another order.
STILL_MINE_AND_FREE = STILL_MINE + " skip locked"
HOLD_VERSION = text(
    """
    with ended as (
        update document_versions set status = 'quarantined', ended_at = :now, kind = cast(:kind as text),
            characters = cast(:characters as int), findings = cast(:findings as jsonb)
        where document_id = :document and version = :version
    )
    update documents set updated_at = :now where id = :document
    """
)
PUBLISH = """
    with published as materialized (
        select * from jsonb_to_recordset(%(published)s) as document(
            id uuid, version int, kind text, title text, language text, characters int, metadata jsonb, findings jsonb,
            signature bigint[], groups text[], bands int[])
    ), ended as (
        update document_versions v set status = 'published', ended_at = %(now)s, kind = p.kind, title = p.title,
            language = p.language, characters = p.characters, metadata = p.metadata, findings = p.findings,
            signature = p.signature
        from published p where v.document_id = p.id and v.version = p.version
    ), shown as (
        update documents d set live_version = p.version, title = p.title, access_groups = p.groups, updated_at = %(now)s
        from published p where d.id = p.id
    )
    insert into document_bands (tenant_id, band, document_id)
    select %(tenant)s, band, p.id from published p, unnest(p.bands) band on conflict do nothing
"""
SUPERSEDE_OLDER = text(
    """
    update document_versions set status = 'superseded', ended_at = :now, signature = null
    where document_id = :document and version < :version and status in ('received', 'processing', :published)
    """
)
TOUCH = text("update documents set updated_at = :now where id = :document")
DROP_BANDS = text("delete from document_bands where document_id = :document")
SIMILAR = """
    with near as (
        select wanted.document, b.document_id, row_number() over (partition by document order by count(*) desc) as place
        from unnest(%(documents)s::uuid[], %(bands)s::int[]) wanted(document, band)
        join document_bands b on b.tenant_id = %(tenant)s and b.band = wanted.band and b.document_id <> wanted.document
        group by 1, 2
    )
    select near.document, v.document_id, v.signature from near
    join unnest(%(mine)s::uuid[], %(versions)s::int[]) mine(document, version) on mine.document = near.document
    join document_versions m on m.document_id = mine.document and m.version = mine.version
    join document_versions v on v.document_id = near.document_id
    where near.place <= 50 and v.status = 'published' and v.source = m.source and v.access_groups = m.access_groups
"""
ADD_QUARANTINE = text(
    """
    insert into quarantine (id, tenant_id, document_id, version, reason, detail, duplicate_of, findings, created_at)
    values (:id, :tenant, :document, :version, :reason, :detail, :duplicate_of, cast(:findings as jsonb), :now)
    on conflict (document_id, version) where decision is null do nothing
    """
)
DECIDE = text(
    """
    update quarantine set decision = :decision, decided_at = :now, decided_by = :by, note = :note
    where id = :id and decision is null returning document_id, version, reason
    """
)
# A released exact duplicate is a copy on purpose: its own id in copy_of lifts it out of the unique content.
RELEASE_VERSION = text(
    """
    update document_versions v set status = 'received', ended_at = null,
        released = array(select distinct r from unnest(v.released || cast(:reason as text)) r),
        copy_of = case when cast(:reason as text) = 'exact_duplicate' then v.document_id::text else v.copy_of end
    from documents d
    where v.document_id = :document and v.version = :version and v.status = 'quarantined'
      and d.id = v.document_id and d.version = v.version and d.deleted_at is null
    returning v.version
    """
)
DELETE_DOCUMENT = text(
    """
    update documents set deleted_at = :now, updated_at = :now, live_version = null
    where id = :document and deleted_at is null returning id
    """
)
DELETE_VERSIONS = text(
    """
    update document_versions set status = 'deleted', ended_at = :now, signature = null, metadata = '{}', title = null
    where document_id = :document
    """
)
CLOSE_QUARANTINE = text(
    """
    update quarantine set decision = 'deleted', decided_at = :now, decided_by = :by
    where document_id = :document and decision is null
    """
)
DROP_BLOBS = text(
    """
    delete from blobs b where b.tenant_id = :tenant
      and b.sha256 in (select sha256 from document_versions where document_id = :document)
      and not exists (
        select 1 from document_versions v where v.tenant_id = b.tenant_id and v.sha256 = b.sha256
          and v.status in ('received', 'processing', 'published', 'quarantined')
      )
    """
)
DISCARD_VERSION = text(
    """
    update document_versions set status = 'discarded', ended_at = :now
    where document_id = :document and version = :version and status = 'quarantined'
    """
)
UNFINISHED = text(
    """
    select count(*) as documents from documents d
    join document_versions v on v.document_id = d.id and v.version = d.version
    where d.deleted_at is null and v.status in ('received', 'processing')
    """
)
NEWEST = text(
    """
    select d.id, d.version, v.status, v.findings, q.reason, q.detail from documents d
    join document_versions v on v.document_id = d.id and v.version = d.version
    left join quarantine q on q.document_id = d.id and q.version = d.version and q.decision is null
    where d.id = any(:documents)
    """
)


async def first(connection: AsyncConnection, statement: Any, **values: Any) -> RowMapping | None:
    return (await connection.execute(statement, values)).mappings().first()


async def every(connection: AsyncConnection, statement: Any, **values: Any) -> Sequence[RowMapping]:
    return (await connection.execute(statement, values)).mappings().all()


async def one(connection: AsyncConnection, statement: Any, **values: Any) -> RowMapping:
    return (await connection.execute(statement, values)).mappings().one()


async def run(connection: AsyncConnection, statement: Any, **values: Any) -> int:
    return (await connection.execute(statement, values)).rowcount


Twin = tuple[UUID, int, str, bool]
"""The id, version and status of a document that holds a content, and whether it is flagged."""
Content = tuple[bytes, tuple[str, ...]]
"""The digest of a content, and who may read it: what is for other readers is another document."""


async def live_content(
    connection: AsyncConnection, tenant_id: UUID, source: str, digests: list[bytes]
) -> dict[Content, Twin]:
    """What is already held, or on its way, of these contents."""
    found = await every(connection, LIVE_CONTENT, tenant=tenant_id, source=source, digests=digests)
    return {(bytes(row["sha256"]), tuple(row["access_groups"])): _twin(row) for row in found}


def _twin(row: RowMapping) -> Twin:
    flagged = bool(rules_for_readers(finding["rule"] for finding in row["findings"]))
    return row["document_id"], row["version"], row["status"], flagged


async def places(
    connection: AsyncConnection, tenant_id: UUID, source: str, uris: list[str]
) -> dict[str, ExistingDocument]:
    """What is at these addresses now; it stays as it is until the end of the transaction."""
    found = await every(connection, PLACES, tenant=tenant_id, source=source, uris=uris)
    return {row["uri"]: ExistingDocument(row["id"], tuple(row["readers"]), tuple(row["wanted"])) for row in found}


async def take_up(database: Database, tenant_id: UUID, wanted: Mapping[UUID, int]) -> list[ProcessingAttempt]:
    """Takes versions up, so that every earlier holder has lost them; not those that are over or have a newer one."""
    async with database.pipeline(tenant_id) as connection:
        values = {"documents": list(wanted), "versions": list(wanted.values())}
        cursor = await connection.execute(TAKE_UP, values, prepare=True)
    return [
        ProcessingAttempt(*[*named, bytes(data), tuple(groups), metadata, frozenset(released)])
        for *named, data, groups, metadata, released in await cursor.fetchall()
    ]


async def still_mine(connection: AsyncConnection, works: Sequence[ProcessingAttempt]) -> set[UUID]:
    """The documents of which this attempt is still the latest; nobody else can end these before the transaction does.

    Of several, those that somebody else is busy with are left out; for a single one the answer is waited for.
    """
    documents, versions, attempts = zip(*((w.document_id, w.version, w.attempt) for w in works), strict=True)
    values = {"documents": list(documents), "versions": list(versions), "attempts": list(attempts)}
    (found,) = await in_one_trip(connection, (STILL_MINE_AND_FREE if len(works) > 1 else STILL_MINE, values))
    return {document for (document,) in found}


async def publish(
    connection: AsyncConnection, tenant_id: UUID, now: datetime, published: Sequence[Mapping[str, Any]]
) -> None:
    values = {"tenant": tenant_id, "now": now, "published": Jsonb(published, dumps=orjson.dumps)}
    await in_one_trip(connection, (PUBLISH, values))


async def similar(
    database: Database, tenant_id: UUID, wanted: Mapping[UUID, tuple[int, Sequence[int]]]
) -> dict[UUID, list[tuple[UUID, list[int]]]]:
    """For each document, given with its version and bands: served documents of the same source and readers that share
    a band, with their signatures.
    """
    pairs = [(document, band) for document, (_, bands) in wanted.items() for band in bands]
    values = {
        "tenant": tenant_id,
        "documents": [document for document, _ in pairs],
        "bands": [band for _, band in pairs],
        "mine": list(wanted),
        "versions": [version for version, _ in wanted.values()],
    }
    async with database.pipeline(tenant_id) as connection:
        cursor = await connection.execute(SIMILAR, values, prepare=True)
    found: dict[UUID, list[tuple[UUID, list[int]]]] = {}
    for document, twin, signature in await cursor.fetchall():
        found.setdefault(document, []).append((twin, signature))
    return found


def page(cursor: Cursor | None) -> dict[str, datetime | UUID | None]:
    return {"at": cursor.at if cursor else None, "last": cursor.id if cursor else None}


def as_json(value: Mapping[str, Any] | Sequence[Finding]) -> str:
    if isinstance(value, Mapping):
        return orjson.dumps(dict(value)).decode()
    return orjson.dumps([finding.as_dict() for finding in value]).decode()


async def hold(
    connection: AsyncConnection,
    tenant_id: UUID,
    document_id: UUID,
    version: int,
    held: QuarantineReason,
    findings: Sequence[Finding],
    now: datetime,
) -> None:
    await run(
        connection,
        ADD_QUARANTINE,
        id=new_id(),
        tenant=tenant_id,
        document=document_id,
        version=version,
        reason=held.code,
        detail=held.detail,
        duplicate_of=UUID(held.duplicate_of) if held.duplicate_of else None,
        findings=as_json(findings),
        now=now,
    )


async def decide(
    connection: AsyncConnection, entry: UUID, sight: Mapping[str, Any], decision: str, by: str, note: str, now: datetime
) -> RowMapping:
    """Closes an open entry. sight: what its decider may see. Errors: QuarantineNotFound, QuarantineDecided."""
    if await first(connection, reading.GET_HELD, id=entry, **sight) is None:
        raise QuarantineNotFound(f"There is no quarantine entry {entry}.")
    row = await first(connection, DECIDE, id=entry, decision=decision, by=by, note=note, now=now)
    if row is None:
        raise QuarantineDecided(f"The entry {entry} waits no more.")
    return row
