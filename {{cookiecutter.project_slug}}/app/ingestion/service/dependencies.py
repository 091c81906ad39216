from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.database import Database
from app.core.jobs import enqueue
from app.core.telemetry import counter, histogram
from app.identity.domain import Principal
from app.ingestion.domain.policy import DataPolicy
from app.ingestion.ports import LanguageDetector, Parser
from app.retrieval.service import Retrieval
from app.safety.domain.policy import SecurityPolicy

PROCESS_JOB = "ingestion.process"
QUEUE = "ingestion"

uploads = counter("app_uploads_total", "Files that came in, by what became of them at the door.", ["result"])
ended = counter("app_documents_total", "Document versions that ended, by status and reason.", ["status", "reason"])
step_seconds = histogram("app_ingestion_step_seconds", "Time of one step of one document.", ["step"])


@dataclass(frozen=True)
class IngestionDependencies:
    """What the verbs of this room work with. the policies: as the live release has them now."""

    database: Database
    retrieval: Retrieval
    parser: Parser
    languages: LanguageDetector
    data_policy: Callable[[], DataPolicy]
    security_policy: Callable[[], SecurityPolicy]
    clock: Clock

    @property
    def data(self) -> DataPolicy:
        return self.data_policy()

    @property
    def security(self) -> SecurityPolicy:
        return self.security_policy()


def sight(caller: Principal) -> dict[str, Any]:
    """What a caller may see of documents, for the queries of `repository`. Who runs commands on the machine keeps the
    documents of all readers in order.
    """
    manages = caller.may("documents:write")
    return {"all": caller.is_command_line and manages, "groups": sorted(caller.groups)}


def uploader(caller: Principal) -> str:
    return f"key:{caller.key_id}"


async def enqueue_processing(connection: AsyncConnection, tenant_id: UUID, versions: Mapping[UUID, int]) -> None:
    documents = [[str(document), version] for document, version in versions.items()]
    await enqueue(connection, PROCESS_JOB, queue=QUEUE, tenant_id=str(tenant_id), documents=documents)
