"""Documents that came with a message, by their addresses."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.locks import lock_name
from app.ingestion.domain.attached_documents import AttachedDocument
from app.ingestion.domain.attachment_addresses import MARK

# Only a message has attachments: for other documents nothing is searched.
_MESSAGES = text(
    """
    select d.id, d.source, d.uri || :mark as prefix, d.access_groups as groups from documents d
    where d.tenant_id = :tenant and d.id = any(:documents) and exists (
        select 1 from document_versions v where v.tenant_id = :tenant and v.document_id = d.id and v.kind = 'eml'
    )
    """
)
_ATTACHED = text(
    """
    select d.id, d.uri, d.access_groups as live_groups, v.access_groups as newest_groups, v.name, v.sha256,
        m.id as message
    from unnest(cast(:ids as uuid[]), cast(:sources as text[]), cast(:prefixes as text[])) m(id, source, prefix)
    join documents d on d.source = m.source and starts_with(d.uri, m.prefix)
    join document_versions v on v.document_id = d.id and v.version = d.version
    where d.tenant_id = :tenant and d.deleted_at is null
    order by d.uri for update of d
    """
)


async def lock_messages_of(connection: AsyncConnection, tenant_id: UUID, source: str) -> None:
    """One publication of messages of a source at a time: two that store the same attachments wait for each other."""
    await lock_name(connection, f"messages of {tenant_id} {source}")


async def find_attached(
    connection: AsyncConnection, tenant_id: UUID, documents: Collection[UUID]
) -> list[AttachedDocument]:
    """The documents that came with messages, at any depth, locked until the end of the transaction, by their addresses.

    The caller holds the locks of the messages.
    """
    values = {"tenant": tenant_id, "documents": list(documents), "mark": MARK}
    messages = {row.id: row for row in await connection.execute(_MESSAGES, values)}
    if not messages:
        return []
    ids, sources, prefixes, _ = (list(column) for column in zip(*messages.values(), strict=True))
    scope = {"tenant": tenant_id, "ids": ids, "sources": sources, "prefixes": prefixes}
    found: list[AttachedDocument] = []
    # A query that waits for the publication of a message within sees that message, but not what came with it.
    while len(found) < len(rows := (await connection.execute(_ATTACHED, scope)).all()):
        found = [_attached(row, messages[row.message].groups) for row in rows]
    return found


def _attached(row: Any, message_groups: Sequence[str]) -> AttachedDocument:
    groups = (tuple(each) for each in (row.live_groups, row.newest_groups, message_groups))
    return AttachedDocument(row.id, row.message, row.uri, row.name, bytes(row.sha256), *groups)
