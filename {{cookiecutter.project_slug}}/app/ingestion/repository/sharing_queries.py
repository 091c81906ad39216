"""Access lists of sources, and changes of who may read documents."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.locks import lock_name, lock_name_shared
from app.ingestion.domain.access_lists import AccessRule, SharedDocument, SourceAccess

_RULES = text(
    """
    select uri, access_groups, set_at, set_by from source_access_rules
    where tenant_id = :tenant and source = :source order by uri
    """
)
_REMOVE_RULES = text("delete from source_access_rules where tenant_id = :tenant and source = :source")
_ADD_RULES = text(
    """
    insert into source_access_rules (tenant_id, source, uri, access_groups, set_at, set_by)
    select :tenant, :source, rule.uri, rule.groups, :now, :by
    from jsonb_to_recordset(:rules) as rule(uri text, groups text[])
    """
)
_DOCUMENTS = """
    select d.id, d.uri, d.source, d.access_groups as live_groups, v.access_groups as newest_groups
    from documents d join document_versions v on v.document_id = d.id and v.version = d.version
    where d.tenant_id = :tenant and d.deleted_at is null and {which} order by d.uri for update of d
"""
_OF_SOURCE = text(_DOCUMENTS.format(which="d.source = :source"))
_ONE = text(_DOCUMENTS.format(which="d.id = :document"))
_SET_DOCUMENTS = text(
    """
    update documents d set access_groups = wanted.groups, updated_at = :now
    from jsonb_to_recordset(:wanted) as wanted(id uuid, groups text[])
    where d.tenant_id = :tenant and d.id = wanted.id
    """
)
# Two steps, because two documents of the same content may come to have the same groups, or may exchange theirs: the
# first one of each pair counts as the content, as copy_of says.
_SET_APART = text(
    """
    update document_versions v set copy_of = v.document_id || '/' || v.version
    from jsonb_to_recordset(:wanted) as wanted(id uuid, groups text[]), documents d
    where v.tenant_id = :tenant and v.document_id = wanted.id and d.id = wanted.id
      and v.version in (d.version, d.live_version)
    """
)
_SET_VERSIONS = text(
    """
    with wanted as materialized (
        select * from jsonb_to_recordset(:wanted) as wanted(id uuid, groups text[])
    ), moved as materialized (
        select v.document_id, v.version, v.source, v.sha256, wanted.groups, row_number() over (
            partition by v.source, v.sha256, wanted.groups, v.status in ('received', 'processing', 'published')
            order by v.status = 'published' desc, v.received_at, v.document_id
        ) as place
        from wanted join documents d on d.id = wanted.id
        join document_versions v on v.document_id = d.id and v.version in (d.version, d.live_version)
        where v.tenant_id = :tenant
    )
    update document_versions v set access_groups = moved.groups, copy_of = case when place > 1 or exists (
            select from document_versions other
            where other.tenant_id = :tenant and other.source = moved.source and other.sha256 = moved.sha256
              and other.access_groups = moved.groups and other.copy_of = ''
              and other.status in ('received', 'processing', 'published')
              and other.document_id not in (select id from wanted)
        ) then v.document_id || '/' || v.version else '' end
    from moved where v.tenant_id = :tenant and v.document_id = moved.document_id and v.version = moved.version
    """
)


async def lock_source(connection: AsyncConnection, tenant_id: UUID, source: str, *, shared: bool) -> None:
    """Lock the access list of a source until the end of the transaction. shared: for uploads, which follow it."""
    await (lock_name_shared if shared else lock_name)(connection, f"access of {tenant_id} {source}")


async def find_access(connection: AsyncConnection, tenant_id: UUID, source: str) -> SourceAccess:
    """The access list of a source; without rules where none was set."""
    rows = (await connection.execute(_RULES, {"tenant": tenant_id, "source": source})).all()
    if not rows:
        return SourceAccess(source)
    rules = tuple(AccessRule(row.uri, tuple(row.access_groups)) for row in rows)
    return SourceAccess(source, rules, rows[0].set_at, rows[0].set_by)


async def store_access(connection: AsyncConnection, tenant_id: UUID, access: SourceAccess) -> None:
    scope = {"tenant": tenant_id, "source": access.source}
    await connection.execute(_REMOVE_RULES, scope)
    rules = Jsonb([{"uri": rule.uri, "groups": list(rule.access_groups)} for rule in access.rules])
    await connection.execute(_ADD_RULES, scope | {"rules": rules, "now": access.set_at, "by": access.set_by})


async def lock_documents_of(connection: AsyncConnection, tenant_id: UUID, access: SourceAccess) -> list[SharedDocument]:
    """The documents of the source that its rules name, locked until the end of the transaction."""
    rows = (await connection.execute(_OF_SOURCE, {"tenant": tenant_id, "source": access.source})).all()
    named = ((row, access.groups_of(row.uri)) for row in rows)
    return [
        SharedDocument(row.id, tuple(row.live_groups), tuple(row.newest_groups), groups)
        for row, groups in named
        if groups is not None
    ]


async def lock_document(
    connection: AsyncConnection, tenant_id: UUID, document_id: UUID, groups: tuple[str, ...]
) -> SharedDocument | None:
    """One document that is to have these groups, locked until the end of the transaction."""
    row = (await connection.execute(_ONE, {"tenant": tenant_id, "document": document_id})).first()
    return SharedDocument(row.id, tuple(row.live_groups), tuple(row.newest_groups), groups) if row else None


async def set_access_groups_of(
    connection: AsyncConnection, tenant_id: UUID, documents: Sequence[SharedDocument], now: datetime
) -> None:
    """Give each document its new groups: the published version and the newest one."""
    wanted = Jsonb([{"id": str(each.id), "groups": list(each.new_groups)} for each in documents])
    values = {"tenant": tenant_id, "wanted": wanted}
    await connection.execute(_SET_DOCUMENTS, values | {"now": now})
    await connection.execute(_SET_APART, values)
    await connection.execute(_SET_VERSIONS, values)
