from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from app.core import audit
from app.core.audit import Act
from app.core.reasons import check_reason
from app.identity.domain import Principal
from app.ingestion import repository as rows
from app.ingestion.domain.documents import (
    Cursor,
    DocumentNotFound,
    ProcessingResult,
    QuarantineNotFound,
    Upload,
    UploadOptions,
    UploadResult,
)
from app.ingestion.repository import reading
from app.ingestion.service import processing, quarantine, upload
from app.ingestion.service.dependencies import IngestionDependencies, sight, uploader


@dataclass(frozen=True)
class Ingestion:
    """Documents: in, through the gates, out to the index, and away again."""

    deps: IngestionDependencies

    def largest_file(self, common: UploadOptions) -> int:
        """The most bytes that a file of this batch may have."""
        limits = self.deps.security.limits
        of_source = self.deps.data.source(common.source).max_file_bytes
        return min(limits.upload_file_bytes, limits.upload_request_bytes, of_source)

    async def accept(self, caller: Principal, common: UploadOptions, files: Sequence[Upload]) -> list[UploadResult]:
        """Stores each file and its job, or says why not; one bad file keeps no other out. Results in the order given.

        Errors: TooManyFiles, StorageFull, DatabaseUnavailable: then nothing was stored.
        """
        return await upload.accept(self.deps, caller, common, files)

    async def process(self, tenant_id: UUID, document_id: UUID, version: int) -> ProcessingResult:
        """Ends a version: published or quarantined. Harmless to run twice, at once, or again after a crash.

        Errors: whatever a dependency raises, when trying again may help.
        """
        ended = (await self.process_all(tenant_id, {document_id: version}))[document_id]
        if isinstance(ended, Exception):
            raise ended
        return ended

    async def process_all(
        self, tenant_id: UUID, versions: Mapping[UUID, int]
    ) -> dict[UUID, ProcessingResult | Exception]:
        """As `process`, for the versions of several documents; what one fails with stands in its place."""
        return await processing.process(self.deps, tenant_id, versions)

    async def give_up(self, tenant_id: UUID, document_id: UUID, version: int, why: str) -> None:
        """Ends a version that could not be processed as quarantined; its release is the replay."""
        await processing.give_up(self.deps, tenant_id, document_id, version, why)

    async def get(self, caller: Principal, document_id: UUID) -> RowMapping:
        """Errors: DocumentNotFound, also for what the caller may not read."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            row = await rows.first(connection, reading.GET_DOCUMENT, id=document_id, **_view(caller))
        if row is None:
            raise DocumentNotFound(f"There is no document {document_id}.")
        return row

    async def list(
        self, caller: Principal, *, status: str | None, source: str | None, after: Cursor | None, limit: int
    ) -> Sequence[RowMapping]:
        """Newest first: what the caller may read; operators also what is not served yet, and what they brought in."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            return await rows.every(
                connection,
                reading.LIST_DOCUMENTS,
                status=status,
                source=source,
                limit=limit,
                **rows.page(after),
                **_view(caller),
            )

    async def delete(self, caller: Principal, document_id: UUID) -> None:
        """From the commit on no search finds it, in any release; its bytes are gone too. Errors: DocumentNotFound."""
        async with self.deps.database.transaction(caller.tenant_id) as connection:
            seen = await rows.first(connection, reading.GET_DOCUMENT, id=document_id, **_view(caller))
            by = uploader(caller)
            if not (seen and await upload.withdraw(self.deps, connection, caller.tenant_id, document_id, by)):
                raise DocumentNotFound(f"There is no document {document_id}.")
            act = Act(caller.name, "document.delete", f"document {document_id}", tenant_id=caller.tenant_id)
            await audit.record(connection, act, self.deps.clock.now())

    async def quarantine(
        self, caller: Principal, *, reason: str | None, waiting: bool, after: Cursor | None, limit: int
    ) -> Sequence[RowMapping]:
        """Entries of documents that the caller may read, newest first; waiting: only those without a decision."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            return await rows.every(
                connection,
                reading.LIST_HELD,
                reason=reason,
                open=waiting,
                limit=limit,
                **rows.page(after),
                **sight(caller),
            )

    async def held(self, caller: Principal, entry: UUID) -> RowMapping:
        """Errors: QuarantineNotFound."""
        return await self._held(caller, reading.GET_HELD, entry)

    async def original(self, caller: Principal, entry: UUID) -> RowMapping:
        """The bytes as they came in, and the file's name. Errors: QuarantineNotFound."""
        return await self._held(caller, reading.ORIGINAL, entry)

    async def _held(self, caller: Principal, statement: Any, entry: UUID) -> RowMapping:
        async with self.deps.database.read(caller.tenant_id) as connection:
            row = await rows.first(connection, statement, id=entry, **sight(caller))
        if row is None:
            raise QuarantineNotFound(f"There is no quarantine entry {entry}.")
        return row

    async def release(self, caller: Principal, entry: UUID, note: str) -> UUID:
        """Runs the version again without the gate that held it; who and why is kept. Returns the document's id.

        Errors: QuarantineNotFound, QuarantineDecided, DocumentSuperseded, ReasonRequired.
        """
        return await quarantine.release(self.deps, caller, entry, uploader(caller), note and check_reason(note))

    async def discard(self, caller: Principal, entry: UUID, note: str) -> UUID:
        """Ends the version and deletes its bytes. Errors: QuarantineNotFound, QuarantineDecided, ReasonRequired."""
        return await quarantine.discard(self.deps, caller, entry, uploader(caller), note and check_reason(note))

    async def unfinished(self, caller: Principal) -> int:
        """How many documents of the tenant wait for their newest version to be published or held back."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            return int((await rows.one(connection, rows.UNFINISHED))["documents"])

    async def newest(self, caller: Principal, documents: Sequence[UUID]) -> Sequence[RowMapping]:
        """(id, version, status, findings, reason, detail) of the newest version of each of these documents."""
        async with self.deps.database.read(caller.tenant_id) as connection:
            return await rows.every(connection, rows.NEWEST, documents=list(documents))


def _view(caller: Principal) -> dict[str, Any]:
    return {**sight(caller), "manages": caller.may("documents:write"), "who": uploader(caller)}
