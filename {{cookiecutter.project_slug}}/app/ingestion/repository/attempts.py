"""Processing attempts: only the latest attempt at a version may publish or quarantine it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database, in_one_round_trip
from app.ingestion.domain.documents import ProcessingAttempt
from app.ingestion.domain.near_duplicates import Signature, bands
from app.ingestion.domain.parsed_document import ParsedDocument
from app.ingestion.domain.quarantine_reasons import QuarantineReason
from app.ingestion.repository import quarantine_entries, versions
from app.safety.domain.text import Finding

# Documents before their versions, as everywhere.
_START = """
    with d as materialized (
        select d.id, d.uri, d.version from documents d
        join unnest(%(documents)s::uuid[], %(versions)s::int[]) wanted(document, version)
            on d.id = wanted.document and d.version = wanted.version
        where d.deleted_at is null order by d.uri for update of d
    )
    update document_versions v set status = 'processing', attempt = attempt + 1
    from d, blobs b
    where v.document_id = d.id and v.version = d.version and v.status in ('received', 'processing')
      and b.tenant_id = v.tenant_id and b.sha256 = v.sha256
    returning v.tenant_id, v.document_id, v.version, v.attempt, v.source, d.uri, v.name, b.bytes, v.access_groups,
        v.metadata, v.released, b.key_version, v.received_by
"""
# Compare-and-set: a worker that was considered dead and resumes finds a later attempt, and changes nothing.
_LOCK_CURRENT = """
    select v.document_id, v.access_groups
    from unnest(%(documents)s::uuid[], %(versions)s::int[], %(attempts)s::int[]) mine(document, version, attempt)
    join document_versions v on v.document_id = mine.document and v.version = mine.version
    join documents d on d.id = v.document_id
    where v.status = 'processing' and v.attempt = mine.attempt and d.version = v.version and d.deleted_at is null
    for update of d, v
"""
# A batch skips locked rows, so that two batches in a different order cannot deadlock.
_LOCK_CURRENT_AND_FREE = _LOCK_CURRENT + " skip locked"
_QUARANTINE_VERSION = text(
    """
    with ended as (
        update document_versions set status = 'quarantined', ended_at = :now, kind = cast(:kind as text),
            characters = cast(:characters as int), findings = cast(:findings as jsonb), columns = :columns
        where document_id = :document and version = :version
    )
    update documents set updated_at = :now where id = :document
    """
)
_PUBLISH = """
    with published as materialized (
        select * from jsonb_to_recordset(%(published)s) as document(
            id uuid, version int, kind text, title text, language text, characters int, metadata jsonb, findings jsonb,
            signature bigint[], groups text[], bands int[], columns text[])
    ), ended as (
        update document_versions v set status = 'published', ended_at = %(now)s, kind = p.kind, title = p.title,
            language = p.language, characters = p.characters, metadata = p.metadata, findings = p.findings,
            signature = p.signature, columns = p.columns
        from published p where v.document_id = p.id and v.version = p.version
    ), shown as (
        update documents d set live_version = p.version, title = p.title, access_groups = p.groups, updated_at = %(now)s
        from published p where d.id = p.id
    )
    insert into document_bands (tenant_id, band, document_id)
    select %(tenant)s, band, p.id from published p, unnest(p.bands) band on conflict do nothing
"""
_SUPERSEDE_OLDER = text(
    """
    update document_versions set status = 'superseded', ended_at = :now, signature = null
    where document_id = :document and version < :version and status in ('received', 'processing', 'published')
    """
)
_SIMILAR = """
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
      and v.sha256 <> m.sha256
"""


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """The data stored for a version when it is published."""

    attempt: ProcessingAttempt
    kind: str
    title: str
    language: str | None
    characters: int
    metadata: Mapping[str, str]
    findings: Sequence[Finding]
    signature: Signature | None
    columns: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.attempt.document_id,
            "version": self.attempt.version,
            "kind": self.kind,
            "title": self.title,
            "groups": self.attempt.access_groups,
            "language": self.language,
            "characters": self.characters,
            "metadata": dict(self.metadata),
            "findings": [finding.as_dict() for finding in self.findings],
            "signature": self.signature,
            "bands": bands(self.signature) if self.signature else [],
            "columns": list(self.columns),
        }


@dataclass(frozen=True, slots=True)
class SimilarDocument:
    document_id: UUID
    signature: Signature


async def start(database: Database, tenant_id: UUID, to_process: Mapping[UUID, int]) -> list[ProcessingAttempt]:
    """Start an attempt at each version, given by document; earlier attempts can no longer publish.

    Versions that have ended, or have a newer one, are left out.
    """
    async with database.pipeline(tenant_id) as connection:
        values = {"documents": list(to_process), "versions": list(to_process.values())}
        cursor = await connection.execute(_START, values, prepare=True)
    return [
        ProcessingAttempt(
            *[*named, bytes(data), tuple(groups), metadata, frozenset(released), key_version, received_by]
        )
        for *named, data, groups, metadata, released, key_version, received_by in await cursor.fetchall()
    ]


async def lock_current(
    connection: AsyncConnection, attempts: Sequence[ProcessingAttempt]
) -> dict[UUID, tuple[str, ...]]:
    """The documents whose latest attempt is among these, locked until the end of the transaction, with the access
    groups that their versions have now.

    Of several, those locked by another transaction are left out; a single one is waited for.
    """
    documents, numbers, latest = zip(*((a.document_id, a.version, a.number) for a in attempts), strict=True)
    values = {"documents": list(documents), "versions": list(numbers), "attempts": list(latest)}
    (rows,) = await in_one_round_trip(
        connection, (_LOCK_CURRENT_AND_FREE if len(attempts) > 1 else _LOCK_CURRENT, values)
    )
    return {document: tuple(groups) for document, groups in rows}


async def publish(
    connection: AsyncConnection, tenant_id: UUID, published: Sequence[PublishedVersion], now: datetime
) -> None:
    """Store the versions as published and supersede those before them."""
    for attempt in (each.attempt for each in published if each.attempt.version > 1):
        older = {"document": attempt.document_id, "version": attempt.version, "now": now}
        await connection.execute(_SUPERSEDE_OLDER, older)
        await versions.delete_bands(connection, attempt.document_id)
        await versions.delete_unused_blobs(connection, tenant_id, attempt.document_id)
    documents = Jsonb([each.as_json() for each in published], dumps=orjson.dumps)
    await in_one_round_trip(connection, (_PUBLISH, {"tenant": tenant_id, "now": now, "published": documents}))


async def quarantine(
    connection: AsyncConnection,
    attempt: ProcessingAttempt,
    reason: QuarantineReason,
    findings: Sequence[Finding],
    now: datetime,
    *,
    parsed: ParsedDocument | None = None,
) -> None:
    """End the version with an open quarantine entry. parsed: of a file that could be parsed."""
    values = {
        "document": attempt.document_id,
        "version": attempt.version,
        "now": now,
        "kind": parsed.kind if parsed else None,
        "characters": len(parsed.text) if parsed else None,
        "columns": list(parsed.columns) if parsed else [],
        "findings": quarantine_entries.findings_json(findings),
    }
    await connection.execute(_QUARANTINE_VERSION, values)
    version = (attempt.document_id, attempt.version)
    await quarantine_entries.add(connection, attempt.tenant_id, *version, reason, findings, now)


async def find_similar(
    database: Database, tenant_id: UUID, candidates: Mapping[UUID, tuple[int, Signature]]
) -> dict[UUID, list[SimilarDocument]]:
    """For each document, given with its version and signature: published documents of the same source and access
    groups that share a band of the signature. Exact duplicates are none: their rule applies to their upload.
    """
    pairs = [(document, band) for document, (_, signature) in candidates.items() for band in bands(signature)]
    values = {
        "tenant": tenant_id,
        "documents": [document for document, _ in pairs],
        "bands": [band for _, band in pairs],
        "mine": list(candidates),
        "versions": [version for version, _ in candidates.values()],
    }
    async with database.pipeline(tenant_id) as connection:
        cursor = await connection.execute(_SIMILAR, values, prepare=True)
    similar: dict[UUID, list[SimilarDocument]] = {}
    for document, other, signature in await cursor.fetchall():
        similar.setdefault(document, []).append(SimilarDocument(other, tuple(signature)))
    return similar
