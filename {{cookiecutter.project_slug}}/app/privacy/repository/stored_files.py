"""Original files, and lines of the audit log that a request touches."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.audit import Line
from app.encryption.domain import Sealed
from app.ingestion.domain.attachment_addresses import MARK
from app.privacy.domain.stores import Store
from app.privacy.repository.matching import mentions

_KNOWN = text("select id from documents where tenant_id = :tenant and id = any (cast(:documents as uuid[]))")
# The documents of an address now, or those that were deleted there.
_FAMILIES = text(
    """
    select distinct other.id from documents d join documents other
      on other.tenant_id = d.tenant_id and other.source = d.source
      and split_part(other.uri, :mark, 1) = split_part(d.uri, :mark, 1)
      and (other.deleted_at is null) = (d.deleted_at is null)
    where d.tenant_id = :tenant and d.id = any (cast(:documents as uuid[]))
      and (position(:mark in d.uri) > 0 or position(:mark in other.uri) > 0)
    """
)
_UNREAD = text(
    "select id from documents where deleted_at is null and live_version is distinct from version order by id"
)
_FILES = text(
    """
    select distinct on (b.sha256) b.sha256, b.key_version, b.bytes, v.name from document_versions v
    join blobs b on b.tenant_id = v.tenant_id and b.sha256 = v.sha256
    where v.document_id = :document order by b.sha256, v.version desc
    """
)
_OLD = text(
    """
    select sha256, key_version, bytes from blobs
    where tenant_id = :tenant and key_version is distinct from cast(:version as int) order by sha256 limit :limit
    """
)
_AFTER = text(
    "select sha256, key_version, bytes from blobs where tenant_id = :tenant and sha256 > :last "
    "order by sha256 limit :limit"
)
_REPLACE = text(
    "update blobs set bytes = :bytes, key_version = :version where tenant_id = :tenant and sha256 = :sha256"
)


async def known(connection: AsyncConnection, values: dict[str, Any]) -> set[UUID]:
    """Those of the request's documents that the tenant has, or had."""
    return set((await connection.execute(_KNOWN, values)).scalars())


async def families(connection: AsyncConnection, values: dict[str, Any]) -> set[UUID]:
    """The messages that the request's documents came with, and all that came with them."""
    rows = await connection.execute(
        _FAMILIES, {name: values[name] for name in ("tenant", "documents")} | {"mark": MARK}
    )
    return set(rows.scalars())


async def unread(connection: AsyncConnection) -> list[UUID]:
    """Documents whose newest version is not published."""
    return list((await connection.execute(_UNREAD)).scalars())


async def files_of(connection: AsyncConnection, document_id: UUID) -> list[tuple[str, Sealed]]:
    """With their names, the newest of each: it says how the file is parsed."""
    rows = await connection.execute(_FILES, {"document": document_id})
    return [(row.name, Sealed(row.key_version, bytes(row.bytes))) for row in rows]


async def list_outdated(
    connection: AsyncConnection, tenant_id: UUID, version: int | None, limit: int
) -> list[tuple[bytes, Sealed]]:
    """Files with their SHA-256 that another version of the key encrypts, or none."""
    rows = await connection.execute(_OLD, {"tenant": tenant_id, "version": version, "limit": limit})
    return [(bytes(row.sha256), Sealed(row.key_version, bytes(row.bytes))) for row in rows]


async def list_after(
    connection: AsyncConnection, tenant_id: UUID, last: bytes, limit: int
) -> list[tuple[bytes, Sealed]]:
    """Files in the order of their SHA-256."""
    rows = await connection.execute(_AFTER, {"tenant": tenant_id, "last": last, "limit": limit})
    return [(bytes(row.sha256), Sealed(row.key_version, bytes(row.bytes))) for row in rows]


async def replace(connection: AsyncConnection, tenant_id: UUID, sha256: bytes, sealed: Sealed) -> None:
    values = {"tenant": tenant_id, "sha256": sha256, "bytes": sealed.content, "version": sealed.version}
    await connection.execute(_REPLACE, values)


async def audit_lines(connection: AsyncConnection, store: Store, values: dict[str, Any]) -> list[Line]:
    """Lines about the tenant, or about none, that hold the text or the names."""
    query = f"""
        select sequence, at, actor, action, subject, before, after, reason, trace_id, tenant_id, previous, hash
        from audit_log where (tenant_id = :tenant or tenant_id is null)
          and ({mentions(store)} or actor = any (cast(:names as text[]))
               or actor ~* coalesce(cast(:pattern as text), 'a^')
               or (cast(:everything as boolean) and reason <> '' and reason not like 'erased-%'
                   and action not like 'privacy.%'))
        order by sequence
    """  # noqa: S608
    return [Line(*row) for row in await connection.execute(text(query), values)]
