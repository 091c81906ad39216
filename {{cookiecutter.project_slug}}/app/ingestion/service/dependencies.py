from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.database import Database
from app.core.job_queue import fair_priority
from app.core.jobs import enqueue_by_priority
from app.core.telemetry import counter, histogram
from app.encryption.service import TenantKeys
from app.identity.domain import Principal
from app.ingestion.domain.documents import LiveDuplicate
from app.ingestion.domain.parsed_document import ParsedDocument
from app.ingestion.domain.policy import DataPolicy
from app.ingestion.domain.quarantine_reasons import quarantine_reason
from app.ingestion.domain.views import Visibility
from app.ingestion.ports import LanguageDetector, Parser
from app.ingestion.repository import quarantine_entries, versions
from app.retrieval.service.retrieval import Retrieval
from app.safety.domain.personal_data import PersonalDataProtection
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.text import Finding
from app.safety.service import Screening

PROCESS_JOB = "ingestion.process"
QUEUE = "ingestion"
ORIGINAL = "original file of tenant"
"""The purpose under which the bytes of uploads are encrypted."""

UPLOADS = counter("app_uploads_total", "Uploaded files, by result.", ["result"])
DOCUMENTS = counter(
    "app_documents_total", "Processed document versions, by final status and quarantine reason.", ["status", "reason"]
)
STEP_SECONDS = histogram("app_ingestion_step_seconds", "Seconds of one processing step of one document.", ["step"])


@dataclass(frozen=True)
class IngestionDependencies:
    """The dependencies of the services. The policies are those of the live release at each access."""

    database: Database
    retrieval: Retrieval
    parser: Parser
    languages: LanguageDetector
    data_policy: Callable[[], DataPolicy]
    security_policy: Callable[[], SecurityPolicy]
    personal_data_protection: Callable[[], PersonalDataProtection]
    clock: Clock
    screening: Screening
    keys: TenantKeys

    @property
    def data(self) -> DataPolicy:
        return self.data_policy()

    @property
    def personal_data(self) -> PersonalDataProtection:
        return self.personal_data_protection()

    @property
    def security(self) -> SecurityPolicy:
        return self.security_policy()

    def screen(self, parsed: ParsedDocument, fields: Mapping[str, str]) -> tuple[Finding, ...]:
        """Of the text, of what is hidden in it, and of the fields such as the title."""
        return (*self.screening.document(parsed.text, parsed.hidden), *self.screening.fields(fields))


def visibility_of(caller: Principal) -> Visibility:
    """The documents that a caller may see. The command line manages the documents of all access groups."""
    manages = caller.may("documents:write")
    return Visibility(caller.is_command_line and manages, tuple(sorted(caller.groups)), manages, uploader(caller))


def uploader(caller: Principal) -> str:
    """How a stored version names who uploaded it."""
    return f"key:{caller.key_id}"


async def quarantine_duplicate(
    connection: AsyncConnection,
    tenant_id: UUID,
    stored: versions.StoredVersion,
    original: LiveDuplicate,
    now: datetime,
) -> None:
    """Open the entry of a version that a source quarantines because another document has its content."""
    reason = quarantine_reason("exact_duplicate", "The same content is already published.", str(original.document_id))
    await quarantine_entries.add(connection, tenant_id, stored.document_id, stored.version, reason, (), now)


async def enqueue_processing(
    connection: AsyncConnection, tenant_id: UUID, versions: Mapping[UUID, int], bulk: bool = False
) -> None:
    """Enqueue one job for all these versions, in the caller's transaction, so that tenants take turns.

    bulk: behind the documents of people who wait.
    """
    documents = [[str(document), version] for document, version in versions.items()]
    priority = await fair_priority(connection, QUEUE, tenant_id, bulk)
    await enqueue_by_priority(
        connection, PROCESS_JOB, priority, queue=QUEUE, tenant_id=str(tenant_id), documents=documents
    )
