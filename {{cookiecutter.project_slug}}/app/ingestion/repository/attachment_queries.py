"""Documents that came with a message, by their addresses."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.ingestion.domain.attachment_addresses import MARK

# Only a message has attachments: for other documents nothing is searched.
_MESSAGE = text(
    """
    select d.source, d.uri from documents d where d.id = :document and d.tenant_id = :tenant and exists (
        select 1 from document_versions v where v.tenant_id = :tenant and v.document_id = d.id and v.kind = 'eml'
    )
    """
)
_ATTACHED = text(
    """
    select d.id, d.uri, d.access_groups as live_groups, v.access_groups as newest_groups
    from documents d join document_versions v on v.document_id = d.id and v.version = d.version
    where d.tenant_id = :tenant and d.source = :source and d.deleted_at is null and starts_with(d.uri, :prefix)
    order by d.uri for update of d
    """
)


@dataclass(frozen=True, slots=True)
class AttachedDocument:
    """live_groups: the access groups of its published version. newest_groups: those of its newest one, which may still
    be processed or in quarantine.
    """

    id: UUID
    uri: str
    live_groups: tuple[str, ...]
    newest_groups: tuple[str, ...]


async def find_attached(connection: AsyncConnection, tenant_id: UUID, document_id: UUID) -> list[AttachedDocument]:
    """The documents that came with a message, at any depth, locked until the end of the transaction."""
    scope = {"tenant": tenant_id}
    message = (await connection.execute(_MESSAGE, scope | {"document": document_id})).first()
    if message is None:
        return []
    values = scope | {"source": message.source, "prefix": message.uri + MARK}
    rows = (await connection.execute(_ATTACHED, values)).all()
    return [AttachedDocument(row.id, row.uri, tuple(row.live_groups), tuple(row.newest_groups)) for row in rows]
