import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import structlog

from app.core.errors import Contended, DatabaseUnavailable, StorageFull
from app.core.jobs import Attempt, JobSpec
from app.ingestion.service import Ingestion
from app.ingestion.service.parts import JOB, QUEUE

T = TypeVar("T")

log = structlog.get_logger(__name__)

TRIES = 6
"""Failures of a version before a person has to look at it."""
# A worker that dies is seldom the document's fault: parsing, the part that could kill, is done in another process.
DEATHS = 24
PATIENCE_SECONDS = 900.0
_LONGEST_WAIT = 15.0


def job_specs(room: Ingestion) -> list[JobSpec]:
    """Processing a version. Run twice it changes nothing: only the holder of the latest attempt may publish."""

    async def process(attempt: Attempt, *, tenant_id: str, document_id: str, version: int) -> None:
        about = {"tenant_id": tenant_id, "document_id": document_id, "version": version}
        with structlog.contextvars.bound_contextvars(**about):
            try:
                outcome = await patiently(lambda: room.process(UUID(tenant_id), UUID(document_id), version))
            except Exception as error:
                if attempt.number < TRIES or attempt.last:
                    raise
                await dead(tenant_id=tenant_id, document_id=document_id, version=version, reason=type(error).__name__)
                log.warning("document_given_up", attempt=attempt.number, error=type(error).__name__)
                return
            log.info("document_ended", status=outcome.status, reason=outcome.reason.code if outcome.reason else None)

    async def dead(*, tenant_id: str, document_id: str, version: int, reason: str) -> None:
        await patiently(lambda: room.give_up(UUID(tenant_id), UUID(document_id), version, reason))

    return [JobSpec(JOB, process, dead, attempts=DEATHS, queue=QUEUE)]


async def patiently(step: Callable[[], Awaitable[T]]) -> T:
    """Runs a step again while the disk is full or the database away: that is no fault of the document, which must not
    use up its attempts for it. Errors: those of the step, and the last of these after a quarter of an hour.
    """
    wait, waited = 0.5, 0.0
    while True:
        try:
            return await step()
        except (StorageFull, DatabaseUnavailable, Contended) as error:
            if waited >= PATIENCE_SECONDS:
                raise
            log.warning("ingestion_waits", why=error.code, seconds=wait)
        await asyncio.sleep(wait)
        waited, wait = waited + wait, min(_LONGEST_WAIT, wait * 2)
