"""Texts of published documents, restricted to the access groups of the reader as a search is."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.retrieval.domain import Heading, PublishedText

_PUBLISHED_TEXT = text(
    """
    select document_id, version, title, source, uri, headings, flags, text from indexed_documents
    where tenant_id = :tenant and document_id = :document and not withdrawn
      and (access_groups = '{}' or access_groups && cast(:groups as text[]))
    """
)


async def published_text(
    connection: AsyncConnection, tenant_id: UUID, document_id: UUID, groups: Sequence[str]
) -> PublishedText | None:
    """The published text; None where there is none that a reader of these groups may read."""
    values = {"tenant": tenant_id, "document": document_id, "groups": list(groups)}
    row = (await connection.execute(_PUBLISHED_TEXT, values)).mappings().first()
    if row is None:
        return None
    headings = tuple(Heading(*each) for each in row["headings"])
    return PublishedText(**{**row, "headings": headings, "flags": tuple(row["flags"])})
