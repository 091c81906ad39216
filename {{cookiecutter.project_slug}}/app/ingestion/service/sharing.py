"""Who may read documents, changed without uploading them again."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.telemetry import counter
from app.identity.domain import Principal
from app.ingestion.domain.access_lists import (
    AccessChange,
    AccessRule,
    SharedDocument,
    SourceAccess,
    check_list,
    check_opening,
)
from app.ingestion.domain.documents import DocumentNotFound
from app.ingestion.repository import attachment_queries, reading, sharing_queries
from app.ingestion.service.dependencies import IngestionDependencies, visibility_of

log = structlog.get_logger(__name__)

ACCESS_CHANGES = counter(
    "app_document_access_changes_total", "Documents whose readers changed, by direction.", ["kind"]
)


async def set_document_access(
    deps: IngestionDependencies, caller: Principal, document_id: UUID, groups: tuple[str, ...]
) -> AccessChange:
    tenant_id = caller.tenant_id
    async with deps.database.transaction(tenant_id) as connection:
        found = await reading.get_document(connection, document_id, visibility_of(caller))
        if found is None:
            raise DocumentNotFound(f"There is no document {document_id}.")
        await sharing_queries.lock_source(connection, tenant_id, found.source, shared=False)
        document = await sharing_queries.lock_document(connection, tenant_id, document_id, groups)
        if document is None:
            raise DocumentNotFound(f"There is no document {document_id}.")
        attached = [
            SharedDocument(each.id, each.live_groups, each.newest_groups, groups)
            for each in await attachment_queries.find_attached(connection, tenant_id, [document_id])
        ]
        return await _apply(deps, connection, caller, [document, *attached], [])


async def set_source_access(
    deps: IngestionDependencies, caller: Principal, source: str, rules: tuple[AccessRule, ...]
) -> AccessChange:
    tenant_id, now = caller.tenant_id, deps.clock.now()
    async with deps.database.transaction(tenant_id) as connection:
        await sharing_queries.lock_source(connection, tenant_id, source, shared=False)
        old = await sharing_queries.find_access(connection, tenant_id, source)
        new = SourceAccess(source, rules, now, caller.name)
        check_list(old, new, sorted(deps.data.source(source).access_groups), caller)
        acts = []
        if old.rules != new.rules:
            await sharing_queries.store_access(connection, tenant_id, new)
            before, after = (f"{len(each.rules)} rules" for each in (old, new))
            acts.append(Act(caller.name, "source.readers", f"source {source}", "", before, after, tenant_id))
        documents = await sharing_queries.lock_documents_of(connection, tenant_id, new)
        return await _apply(deps, connection, caller, documents, acts)


async def get_source_access(deps: IngestionDependencies, caller: Principal, source: str) -> SourceAccess:
    async with deps.database.read(caller.tenant_id) as connection:
        return await sharing_queries.find_access(connection, caller.tenant_id, source)


async def _apply(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    caller: Principal,
    documents: Sequence[SharedDocument],
    acts: list[Act],
) -> AccessChange:
    """Give each document its new groups, in every corpus version from the commit on. acts: recorded with it."""
    changed = [each for each in documents if each.changes]
    check_opening(changed, caller)
    now, tenant_id = deps.clock.now(), caller.tenant_id
    if changed:
        await sharing_queries.set_access_groups_of(connection, tenant_id, changed, now)
        await deps.retrieval.set_access_all(connection, tenant_id, {each.id: each.new_groups for each in changed})
    acts += [_act(caller, each) for each in changed]
    if acts:
        await audit.record_all(connection, acts, now)
    opened = sum(each.opens for each in changed)
    ACCESS_CHANGES.labels("opened").inc(opened)
    ACCESS_CHANGES.labels("closed").inc(len(changed) - opened)
    if opened:
        log.warning("ingestion.documents_opened", documents=opened)
    return AccessChange(len(documents), len(changed), opened)


def _act(caller: Principal, document: SharedDocument) -> Act:
    before, after = (", ".join(each) or "everybody" for each in (document.newest_groups, document.new_groups))
    reason = "opened to more readers" if document.opens else ""
    return Act(caller.name, "document.readers", f"document {document.id}", reason, before, after, caller.tenant_id)
