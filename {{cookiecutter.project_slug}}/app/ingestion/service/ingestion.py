import builtins
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.reasons import check_reason
from app.encryption.domain import Sealed
from app.identity.domain import Principal
from app.ingestion.domain.access_lists import AccessChange, SourceAccess, access_groups_named, access_rules
from app.ingestion.domain.documents import (
    Cursor,
    DocumentNotFound,
    ProcessingResult,
    QuarantineNotFound,
    Upload,
    UploadOptions,
    UploadResult,
    check_source,
)
from app.ingestion.domain.views import DocumentColumns, DocumentDetails, NewestVersion, OriginalFile, QuarantineEntry
from app.ingestion.repository import reading
from app.ingestion.service import processing, quarantine, sharing
from app.ingestion.service import upload as uploading
from app.ingestion.service.attachments import delete_document
from app.ingestion.service.dependencies import ORIGINAL, IngestionDependencies, uploader, visibility_of
from app.ingestion.service.file_text import text_of_file


@dataclass(frozen=True)
class Ingestion:
    """Documents from upload through processing and quarantine to the index, and their deletion."""

    deps: IngestionDependencies

    def max_file_bytes(self, options: UploadOptions) -> int:
        """The largest file of a batch with these options."""
        limits = self.deps.security.limits
        of_source = self.deps.data.source(options.source).max_file_bytes
        return min(limits.upload_file_bytes, limits.upload_request_bytes, of_source)

    async def upload(self, caller: Principal, options: UploadOptions, files: Sequence[Upload]) -> list[UploadResult]:
        """Store each file with its job, or refuse it; a refused file does not affect the others. Results are in order.

        Errors: TooManyFiles, StorageFull, DatabaseUnavailable: nothing was stored.
        """
        return await uploading.upload(self.deps, caller, options, files)

    async def process(self, tenant_id: UUID, document_id: UUID, version: int) -> ProcessingResult:
        """Publish or quarantine a version. Idempotent, also when run concurrently or again after a crash.

        Errors: those of the dependencies, where a retry may help.
        """
        result = (await self.process_all(tenant_id, {document_id: version}))[document_id]
        if isinstance(result, Exception):
            raise result
        return result

    async def process_all(
        self, tenant_id: UUID, versions: Mapping[UUID, int]
    ) -> dict[UUID, ProcessingResult | Exception]:
        """As `process`, for the versions of several documents; the error of a document is its result."""
        return await processing.process(self.deps, tenant_id, versions)

    async def give_up(self, tenant_id: UUID, document_id: UUID, version: int, why: str) -> None:
        """Quarantine a version whose processing failed in every attempt; releasing it tries again."""
        await processing.give_up(self.deps, tenant_id, document_id, version, why)

    async def get(self, caller: Principal, document_id: UUID) -> DocumentDetails:
        """Errors: DocumentNotFound, also for what the caller may not read."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            document = await reading.get_document(connection, document_id, visibility_of(caller))
        if document is None:
            raise DocumentNotFound(f"There is no document {document_id}.")
        return document

    async def list(
        self, caller: Principal, *, status: str | None, source: str | None, after: Cursor | None, limit: int
    ) -> builtins.list[DocumentDetails]:
        """Documents that the caller may read, newest first; for operators also unpublished ones and own uploads."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            return await reading.list_documents(
                connection, visibility_of(caller), status=status, source=source, after=after, limit=limit
            )

    async def delete(self, caller: Principal, document_id: UUID) -> None:
        """Delete a document, its bytes, its chunks in all indexes and its attachments. Errors: DocumentNotFound."""
        async with self.deps.database.transaction(caller.tenant_id) as connection:
            visible = await reading.get_document(connection, document_id, visibility_of(caller))
            by = uploader(caller)
            if not (visible and await delete_document(self.deps, connection, caller.tenant_id, document_id, by)):
                raise DocumentNotFound(f"There is no document {document_id}.")
            await self._record(connection, caller, "document.delete", f"document {document_id}")

    async def set_access(self, caller: Principal, document_id: UUID, groups: Collection[str]) -> AccessChange:
        """Change who may read a document and everything derived from it, from the next request on; none: everybody.

        Errors: DocumentNotFound, AccessGroupsForbidden, BadAccessList.
        """
        return await sharing.set_document_access(self.deps, caller, document_id, access_groups_named(groups))

    async def set_source_access(
        self, caller: Principal, source: str, rules: Sequence[tuple[str, Collection[str]]]
    ) -> AccessChange:
        """Replace the access list of a source: all documents that its rules name have their groups from the next
        request on, and new ones get them. A document that no rule names keeps its groups. All of it or nothing.

        Errors: AccessGroupsForbidden, BadAccessList, BadUpload.
        """
        checked = access_rules(rules)
        return await sharing.set_source_access(self.deps, caller, check_source(source), checked)

    async def get_source_access(self, caller: Principal, source: str) -> SourceAccess:
        """The access list of a source; without rules where none was set. Errors: BadUpload."""
        return await sharing.get_source_access(self.deps, caller, check_source(source))

    async def list_quarantine(
        self, caller: Principal, *, reason: str | None, undecided: bool, after: Cursor | None, limit: int
    ) -> builtins.list[QuarantineEntry]:
        """Entries of documents that the caller may read, newest first. undecided: only those without a decision."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            return await reading.list_entries(
                connection, visibility_of(caller), reason=reason, undecided=undecided, after=after, limit=limit
            )

    async def get_quarantine(self, caller: Principal, entry_id: UUID) -> QuarantineEntry:
        """Errors: QuarantineNotFound."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            return await quarantine.find_entry(connection, caller, entry_id)

    async def original(self, caller: Principal, entry_id: UUID) -> OriginalFile:
        """The file as it was uploaded; the audit log says who read it. Errors: QuarantineNotFound."""
        async with self.deps.database.transaction(caller.tenant_id) as connection:
            stored = await reading.get_original(connection, entry_id, visibility_of(caller))
            if stored is None:
                raise QuarantineNotFound(f"There is no quarantine entry {entry_id}.")
            await self._record(connection, caller, "quarantine.original", f"quarantine entry {entry_id}")
            return await self._opened(connection, caller, *stored)

    async def published_original(self, caller: Principal, document_id: UUID) -> OriginalFile:
        """The file of the published version as it was uploaded; the audit log says who read it.

        Errors: DocumentNotFound, also for what is not published or the caller may not read.
        """
        async with self.deps.database.transaction(caller.tenant_id) as connection:
            stored = await reading.get_published_original(connection, document_id, visibility_of(caller))
            if stored is None:
                raise DocumentNotFound(f"There is no published file of document {document_id} that you may read.")
            await self._record(connection, caller, "document.original", f"document {document_id}")
            return await self._opened(connection, caller, *stored)

    async def _record(self, connection: AsyncConnection, caller: Principal, action: str, subject: str) -> None:
        act = Act(caller.name, action, subject, tenant_id=caller.tenant_id)
        await audit.record(connection, act, self.deps.clock.now())

    async def _opened(self, connection: AsyncConnection, caller: Principal, name: str, sealed: Sealed) -> OriginalFile:
        return OriginalFile(name, await self.deps.keys.open(connection, caller.tenant_id, ORIGINAL, sealed))

    async def release(self, caller: Principal, entry_id: UUID, note: str) -> UUID:
        """Process the version again without the gate that quarantined it. Returns the document's id.

        Errors: QuarantineNotFound, QuarantineDecided, DocumentSuperseded, ReasonRequired.
        """
        return await quarantine.release(self.deps, caller, entry_id, note and check_reason(note))

    async def discard(self, caller: Principal, entry_id: UUID, note: str) -> UUID:
        """Discard the version and delete its bytes. Returns the document's id.

        Errors: QuarantineNotFound, QuarantineDecided, ReasonRequired.
        """
        return await quarantine.discard(self.deps, caller, entry_id, note and check_reason(note))

    async def count_unfinished(self, caller: Principal) -> int:
        """The number of the tenant's documents whose newest version is received or being processed."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            return await reading.count_unfinished(connection)

    async def text_of_file(self, data: bytes, name: str) -> str:
        """All text of a file, as far as it can be parsed. Errors: Contended."""
        return await text_of_file(self.deps.parser, data, name)

    async def every_document(self, tenant_id: UUID) -> builtins.list[UUID]:
        """The ids of all documents of a tenant that are not deleted, whoever may read them."""
        async with self.deps.database.read(tenant_id) as connection:
            return await reading.every_document(connection)

    async def columns_of(self, caller: Principal, documents: Sequence[UUID]) -> builtins.list[DocumentColumns]:
        """Those of the documents that the caller may read by its groups, at the command line too, with the columns of
        tables.
        """
        visibility = replace(visibility_of(caller), all_groups=False)
        async with self.deps.database.read(caller.tenant_id) as connection:
            return await reading.list_columns(connection, documents, visibility)

    async def newest_versions(self, caller: Principal, documents: Sequence[UUID]) -> builtins.list[NewestVersion]:
        """The newest version of each of these documents."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            return await reading.newest_versions(connection, documents)
