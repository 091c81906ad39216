from uuid import UUID

from app.core.jobs import Attempt, JobSpec
from app.ingestion.service import Ingestion
from app.ingestion.service.parts import JOB, QUEUE


def job_specs(room: Ingestion) -> list[JobSpec]:
    """Processing a version. Run twice it changes nothing: only the holder of the latest attempt may publish."""

    async def process(attempt: Attempt, *, tenant_id: str, document_id: str, version: int) -> None:
        await room.process(UUID(tenant_id), UUID(document_id), version)

    async def dead(*, tenant_id: str, document_id: str, version: int, reason: str) -> None:
        await room.give_up(UUID(tenant_id), UUID(document_id), version, reason)

    return [JobSpec(JOB, process, dead, attempts=6, queue=QUEUE)]
