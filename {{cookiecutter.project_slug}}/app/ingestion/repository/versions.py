"""Storing uploads as versions of documents, and deleting documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.ids import new_id
from app.encryption.domain import Sealed
from app.ingestion.domain.documents import ContentKey, ExistingDocument, LiveDuplicate, Upload, UploadOptions
from app.ingestion.domain.quality import rules_for_readers
from app.ingestion.domain.scanned_pages import unread_pages

_LIVE_CONTENT = text(
    """
    select v.sha256, v.access_groups, v.document_id, v.version, v.status, v.findings, v.version = d.version as newest
    from document_versions v join documents d on d.id = v.document_id
    where v.tenant_id = :tenant and v.source = :source and v.sha256 = any(:digests)
      and v.status in ('received', 'processing', 'published')
    order by v.received_at, v.document_id, v.version
    """
)
# Locked, so that the access groups of a document do not change between this query and the upload.
_EXISTING_DOCUMENTS = text(
    """
    select d.id, d.uri, d.access_groups as live_groups, v.access_groups as newest_groups
    from documents d join document_versions v on v.document_id = d.id and v.version = d.version
    where d.tenant_id = :tenant and d.source = :source and d.uri = any(:uris) and d.deleted_at is null
    order by d.uri for update of d
    """
)
_LOCK_DOCUMENT = text("select from documents where id = :document for update")
_SET_ACCESS_GROUPS = text("update documents set access_groups = :groups, updated_at = :now where id = :document")
_VERSION_COLUMNS = """document_id, version, tenant_id, source, name, sha256, size, access_groups, metadata, status,
        attempt, released, copy_of, findings, received_at, received_by"""
# Each copy of a content that is already live has a copy_of of its own: two first ones at once exclude each other.
_VERSION_VALUES = """:tenant, :source, :name, :sha256, :size, :groups, cast(:metadata as jsonb), :status,
        0, '{}', case when cast(:copy as boolean) then %s || '/' || %s else '' end, '[]', :now, :by"""
# The row lock of the update serialises uploads to one address. A first version is inserted in the same statement;
# before a later one the versions before it are superseded.
_ADD_UPLOAD = text(
    f"""
    with blob as (
        insert into blobs (tenant_id, sha256, size, bytes, key_version)
        values (:tenant, :sha256, :size, :bytes, :key_version)
        on conflict do nothing
    ), place as (
        insert into documents (id, tenant_id, source, uri, title, access_groups, version, created_at, updated_at)
        values (:id, :tenant, :source, :uri, :title, :groups, 1, :now, :now)
        on conflict (tenant_id, source, uri) where deleted_at is null
        do update set version = documents.version + 1, updated_at = excluded.updated_at
        returning id, version
    ), added as (
        insert into document_versions ({_VERSION_COLUMNS})
        select id, version, {_VERSION_VALUES % ("id", "version")} from place where version = 1
        on conflict do nothing
        returning version
    )
    select id, version, exists (select 1 from added) as added from place
    """  # noqa: S608
)
_ADD_VERSION = text(
    f"""
    insert into document_versions ({_VERSION_COLUMNS}) values (
        :document, :version, {_VERSION_VALUES % ("cast(:document as text)", "cast(:version as text)")}
    )
    on conflict do nothing
    returning version
    """  # noqa: S608
)
_SUPERSEDE_UNFINISHED = text(
    """
    update document_versions set status = 'superseded', ended_at = :now, signature = null
    where document_id = :document and version < :version and status in ('received', 'processing')
    """
)
_SUPERSEDE_QUARANTINED = text(
    """
    with closed as (
        update quarantine set decision = 'superseded', decided_at = :now, decided_by = :by
        where document_id = :document and version < :version and decision is null returning version
    )
    update document_versions set status = 'superseded', ended_at = :now
    where document_id = :document and version in (select version from closed)
    """
)
_DELETE_DOCUMENT = text(
    """
    update documents set deleted_at = :now, updated_at = :now, live_version = null
    where id = :document and deleted_at is null returning id
    """
)
_DELETE_VERSIONS = text(
    """
    update document_versions set status = 'deleted', ended_at = :now, signature = null, metadata = '{}', title = null,
        columns = '{}'
    where document_id = :document
    """
)
_CLOSE_QUARANTINE = text(
    """
    update quarantine set decision = 'deleted', decided_at = :now, decided_by = :by
    where document_id = :document and decision is null
    """
)
_DELETE_BANDS = text("delete from document_bands where document_id = :document")
_DELETE_BLOBS = text(
    """
    delete from blobs b where b.tenant_id = :tenant
      and b.sha256 in (select sha256 from document_versions where document_id = :document)
      and not exists (
        select 1 from document_versions v where v.tenant_id = b.tenant_id and v.sha256 = b.sha256
          and v.status in ('received', 'processing', 'published', 'quarantined')
      )
    """
)


@dataclass(frozen=True, slots=True)
class NewVersion:
    """An upload as it is stored. status: received, or quarantined as an exact duplicate. sealed: its bytes. copy: the
    same content is already live for the same groups, at another address or in another version.
    """

    tenant_id: UUID
    options: UploadOptions
    file: Upload
    sealed: Sealed
    status: str
    received_at: datetime
    received_by: str
    copy: bool


@dataclass(frozen=True, slots=True)
class StoredVersion:
    document_id: UUID
    version: int


async def find_live_content(
    connection: AsyncConnection, tenant_id: UUID, source: str, digests: Sequence[bytes]
) -> dict[ContentKey, list[LiveDuplicate]]:
    """The versions that are published, or being processed, with one of these contents, the oldest first."""
    values = {"tenant": tenant_id, "source": source, "digests": list(digests)}
    rows = (await connection.execute(_LIVE_CONTENT, values)).all()
    found: dict[ContentKey, list[LiveDuplicate]] = {}
    for row in rows:
        flagged = bool(rules_for_readers(f["rule"] for f in row.findings))
        unread = unread_pages(row.findings)
        duplicate = LiveDuplicate(row.document_id, row.version, row.status, flagged, row.newest, unread)
        found.setdefault(ContentKey(bytes(row.sha256), tuple(row.access_groups)), []).append(duplicate)
    return found


async def lock_existing(
    connection: AsyncConnection, tenant_id: UUID, source: str, uris: Sequence[str]
) -> dict[str, ExistingDocument]:
    """The documents at these addresses, locked until the end of the transaction, by URI."""
    values = {"tenant": tenant_id, "source": source, "uris": list(uris)}
    rows = (await connection.execute(_EXISTING_DOCUMENTS, values)).all()
    return {row.uri: ExistingDocument(row.id, tuple(row.live_groups), tuple(row.newest_groups)) for row in rows}


async def lock_document(connection: AsyncConnection, document_id: UUID) -> None:
    """Lock the document until the end of the transaction: before its versions and entries, as everywhere."""
    await connection.execute(_LOCK_DOCUMENT, {"document": document_id})


async def set_access_groups(
    connection: AsyncConnection, document_id: UUID, groups: Sequence[str], now: datetime
) -> None:
    await connection.execute(_SET_ACCESS_GROUPS, {"document": document_id, "groups": list(groups), "now": now})


async def store_upload(connection: AsyncConnection, new: NewVersion) -> StoredVersion | None:
    """Store the file as the newest version at its address and supersede the unpublished versions before it.

    None when another transaction has stored the same content meanwhile.
    """
    file, options = new.file, new.options
    values = {
        "tenant": new.tenant_id,
        "source": options.source,
        "name": file.name,
        "sha256": file.digest,
        "size": len(file.data),
        "groups": list(options.access_groups or ()),
        "metadata": orjson.dumps(dict(options.metadata)).decode(),
        "status": new.status,
        "copy": new.copy,
        "now": new.received_at,
        "by": new.received_by,
    }
    title = options.metadata.get("title") or file.name
    address = {
        "id": new_id(),
        "uri": file.uri,
        "title": title,
        "bytes": new.sealed.content,
        "key_version": new.sealed.version,
    }
    row = (await connection.execute(_ADD_UPLOAD, values | address)).one()
    added = row.added
    if row.version > 1:
        version = {"document": row.id, "version": row.version}
        await connection.execute(_SUPERSEDE_UNFINISHED, version | {"now": new.received_at})
        await connection.execute(_SUPERSEDE_QUARANTINED, version | {"now": new.received_at, "by": new.received_by})
        added = (await connection.execute(_ADD_VERSION, values | version)).first()
    return StoredVersion(row.id, row.version) if added else None


async def delete_document(
    connection: AsyncConnection, tenant_id: UUID, document_id: UUID, now: datetime, by: str
) -> bool:
    """Delete the document and the content of its versions; False when there is no such document."""
    document = {"document": document_id}
    if (await connection.execute(_DELETE_DOCUMENT, document | {"now": now})).first() is None:
        return False
    await connection.execute(_DELETE_VERSIONS, document | {"now": now})
    await connection.execute(_CLOSE_QUARANTINE, document | {"now": now, "by": by})
    await delete_bands(connection, document_id)
    await delete_unused_blobs(connection, tenant_id, document_id)
    return True


async def delete_bands(connection: AsyncConnection, document_id: UUID) -> None:
    """Remove the document from the search for near duplicates."""
    await connection.execute(_DELETE_BANDS, {"document": document_id})


async def delete_unused_blobs(connection: AsyncConnection, tenant_id: UUID, document_id: UUID) -> None:
    """Delete the bytes of the document's versions that no version needs any more."""
    await connection.execute(_DELETE_BLOBS, {"tenant": tenant_id, "document": document_id})
