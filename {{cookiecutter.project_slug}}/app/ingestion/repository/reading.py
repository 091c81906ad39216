"""Queries of documents and quarantine entries, restricted to the access groups of the caller."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.encryption.domain import Sealed
from app.ingestion.domain.documents import Cursor
from app.ingestion.domain.views import DocumentColumns, DocumentDetails, NewestVersion, QuarantineEntry, Visibility
from app.safety.domain.text import Finding

# The newest version may have other access groups than the published one: a caller must be in the groups of both.
_VISIBLE = """
    (cast(:all as boolean) or ((d.access_groups = '{}' or d.access_groups && cast(:groups as text[]))
        and (v.access_groups = '{}' or v.access_groups && cast(:groups as text[]))))
"""
# An uploader outside the access groups of a document sees its status, but none of its content.
_DOCUMENTS = f"""
    select d.id, d.source, d.uri, case when whole then d.title else v.name end as title, v.access_groups, v.status,
        d.version, d.live_version, d.created_at, d.updated_at, v.name, v.size,
        case when whole then v.metadata else '{{}}' end as metadata, v.kind,
        case when whole then v.language end as language, v.characters,
        case when whole then v.findings else '[]' end as findings, encode(v.sha256, 'hex') as sha256,
        q.id as quarantine_id, q.reason, case when whole then q.detail else '' end as detail, q.duplicate_of
    from documents d
    join document_versions v on v.document_id = d.id and v.version = d.version
    cross join lateral (select {_VISIBLE} as whole) sight
    left join quarantine q on q.document_id = d.id and q.version = d.version and q.decision is null
    where d.deleted_at is null
      and ((whole and (cast(:manages as boolean) or d.live_version is not null)) or v.received_by = :who)
"""  # noqa: S608
_GET_DOCUMENT = text(_DOCUMENTS + " and d.id = :id")
_LIST_DOCUMENTS = text(
    _DOCUMENTS
    + """
    and (cast(:status as text) is null or v.status = :status) and (cast(:source as text) is null or d.source = :source)
    and (cast(:at as timestamptz) is null or (d.created_at, d.id) < (:at, :last))
    order by d.created_at desc, d.id desc limit :limit
    """
)
_ENTRIES = f"""
    select q.id, q.document_id, q.version, q.reason, q.detail, q.duplicate_of, q.findings, q.created_at, q.decision,
        q.decided_at, q.decided_by, q.note, v.name, v.size, d.source, d.uri, v.access_groups,
        encode(v.sha256, 'hex') as sha256
    from quarantine q
    join document_versions v on v.document_id = q.document_id and v.version = q.version
    join documents d on d.id = q.document_id
    where d.deleted_at is null and {_VISIBLE}
"""  # noqa: S608
_GET_ENTRY = text(_ENTRIES + " and q.id = :id")
_LIST_ENTRIES = text(
    _ENTRIES
    + """
    and (cast(:open as boolean) is false or q.decision is null)
    and (cast(:reason as text) is null or q.reason = :reason)
    and (cast(:at as timestamptz) is null or (q.created_at, q.id) < (:at, :last))
    order by q.created_at desc, q.id desc limit :limit
    """
)
_ORIGINAL = text(
    f"""
    select b.bytes, b.key_version, v.name from quarantine q
    join document_versions v on v.document_id = q.document_id and v.version = q.version
    join documents d on d.id = q.document_id
    join blobs b on b.tenant_id = v.tenant_id and b.sha256 = v.sha256
    where q.id = :id and d.deleted_at is null and {_VISIBLE}
    """  # noqa: S608
)
_WITH_COLUMNS = text(
    f"""
    select d.id, d.source, d.uri, d.title, v.columns, case when {_VISIBLE.replace("v.", "p.")} then p.columns end
    from documents d
    join document_versions v on v.document_id = d.id and v.version = d.version
    left join lateral (
        select b.columns, b.access_groups from document_versions b where b.document_id = d.id
          and b.version < v.version and b.columns <> '{{}}' order by b.version desc limit 1
    ) p on true
    where d.id = any(:documents) and d.deleted_at is null and {_VISIBLE}
      and (cast(:manages as boolean) or d.live_version is not null)
    """  # noqa: S608
)
_PUBLISHED_ORIGINAL = text(
    f"""
    select b.bytes, b.key_version, v.name from documents d
    join document_versions v on v.document_id = d.id and v.version = d.live_version
    join blobs b on b.tenant_id = v.tenant_id and b.sha256 = v.sha256
    where d.id = :id and d.deleted_at is null and {_VISIBLE}
    """  # noqa: S608
)
_EVERY_DOCUMENT = text("select id from documents where deleted_at is null order by id")
_COUNT_UNFINISHED = text(
    """
    select count(*) from documents d
    join document_versions v on v.document_id = d.id and v.version = d.version
    where d.deleted_at is null and v.status in ('received', 'processing')
    """
)
_NEWEST_VERSIONS = text(
    """
    select d.id as document_id, d.version, v.status, v.findings, q.reason, q.detail from documents d
    join document_versions v on v.document_id = d.id and v.version = d.version
    left join quarantine q on q.document_id = d.id and q.version = d.version and q.decision is null
    where d.id = any(:documents)
    """
)


async def get_document(
    connection: AsyncConnection, document_id: UUID, visibility: Visibility
) -> DocumentDetails | None:
    row = (await connection.execute(_GET_DOCUMENT, _parameters(visibility) | {"id": document_id})).mappings().first()
    return _details(row) if row else None


async def list_documents(
    connection: AsyncConnection,
    visibility: Visibility,
    *,
    status: str | None,
    source: str | None,
    after: Cursor | None,
    limit: int,
) -> list[DocumentDetails]:
    """Newest first."""
    filters = {"status": status, "source": source, **_page(after, limit)}
    return [
        _details(row)
        for row in (await connection.execute(_LIST_DOCUMENTS, _parameters(visibility) | filters)).mappings()
    ]


async def get_entry(connection: AsyncConnection, entry_id: UUID, visibility: Visibility) -> QuarantineEntry | None:
    row = (await connection.execute(_GET_ENTRY, _parameters(visibility) | {"id": entry_id})).mappings().first()
    return _entry(row) if row else None


async def list_entries(
    connection: AsyncConnection,
    visibility: Visibility,
    *,
    reason: str | None,
    undecided: bool,
    after: Cursor | None,
    limit: int,
) -> list[QuarantineEntry]:
    """Newest first. undecided: only entries without a decision."""
    filters = {"reason": reason, "open": undecided, **_page(after, limit)}
    return [
        _entry(row) for row in (await connection.execute(_LIST_ENTRIES, _parameters(visibility) | filters)).mappings()
    ]


async def get_original(
    connection: AsyncConnection, entry_id: UUID, visibility: Visibility
) -> tuple[str, Sealed] | None:
    """The name of the file and its bytes as they are stored."""
    row = (await connection.execute(_ORIGINAL, _parameters(visibility) | {"id": entry_id})).first()
    return (row.name, Sealed(row.key_version, bytes(row.bytes))) if row else None


async def list_columns(
    connection: AsyncConnection, documents: Sequence[UUID], visibility: Visibility
) -> list[DocumentColumns]:
    """Those of the documents that the caller may read."""
    rows = await connection.execute(_WITH_COLUMNS, _parameters(visibility) | {"documents": list(documents)})
    return [
        DocumentColumns(id, source, uri, title, tuple(columns), tuple(before or ()))
        for id, source, uri, title, columns, before in rows
    ]


async def get_published_original(
    connection: AsyncConnection, document_id: UUID, visibility: Visibility
) -> tuple[str, Sealed] | None:
    """As `get_original`, of the published version of a document."""
    row = (await connection.execute(_PUBLISHED_ORIGINAL, _parameters(visibility) | {"id": document_id})).first()
    return (row.name, Sealed(row.key_version, bytes(row.bytes))) if row else None


async def every_document(connection: AsyncConnection) -> list[UUID]:
    return list((await connection.execute(_EVERY_DOCUMENT)).scalars())


async def count_unfinished(connection: AsyncConnection) -> int:
    """Documents of the tenant whose newest version is received or being processed."""
    return int((await connection.execute(_COUNT_UNFINISHED)).scalar_one())


async def newest_versions(connection: AsyncConnection, documents: Sequence[UUID]) -> list[NewestVersion]:
    rows = (await connection.execute(_NEWEST_VERSIONS, {"documents": list(documents)})).mappings()
    return [NewestVersion(**{**row, "findings": _findings(row)}) for row in rows]


def _parameters(visibility: Visibility) -> dict[str, object]:
    return {
        "all": visibility.all_groups,
        "groups": list(visibility.groups),
        "manages": visibility.manages,
        "who": visibility.uploader,
    }


def _page(after: Cursor | None, limit: int) -> dict[str, object]:
    return {"at": after.at if after else None, "last": after.id if after else None, "limit": limit}


def _details(row: RowMapping) -> DocumentDetails:
    return DocumentDetails(**{**row, "access_groups": tuple(row["access_groups"]), "findings": _findings(row)})


def _entry(row: RowMapping) -> QuarantineEntry:
    return QuarantineEntry(**{**row, "access_groups": tuple(row["access_groups"]), "findings": _findings(row)})


def _findings(row: RowMapping) -> tuple[Finding, ...]:
    return tuple(Finding(**finding) for finding in row["findings"])
