"""Where a citation stands: the published text of a document, for those who may find it."""

from uuid import UUID

from app.core.database import Database
from app.identity.domain import Principal
from app.retrieval.domain import DocumentTextNotFound, DocumentVersionNotFound, PublishedText
from app.retrieval.repository import document_texts


async def read_text(database: Database, caller: Principal, document_id: UUID, version: int | None) -> PublishedText:
    """Errors: DocumentTextNotFound, DocumentVersionNotFound with the number of the published version."""
    async with database.read(caller.tenant_id) as connection:
        found = await document_texts.published_text(connection, caller.tenant_id, document_id, sorted(caller.groups))
    if found is None:
        raise DocumentTextNotFound(f"There is no published text of document {document_id} that you may read.")
    if version not in (None, found.version):
        raise DocumentVersionNotFound(
            f"Version {version} is not stored; version {found.version} is published now.", published=found.version
        )
    return found
