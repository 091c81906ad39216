import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import structlog

from app.core.errors import ConnectionsBusy, Contended, DatabaseUnavailable, Problem, StorageFull
from app.core.jobs import Attempt, JobSpec
from app.ingestion.domain.parsed_document import ParserInterrupted
from app.ingestion.service import Ingestion
from app.ingestion.service.dependencies import PROCESS_JOB, QUEUE
from app.ingestion.service.processing import SUPERSEDED

T = TypeVar("T")

log = structlog.get_logger(__name__)

TRIES = 6
"""Failures of a version before a person has to look at it."""
# A worker that dies is seldom the document's fault: parsing, the part that could kill, is done in another process.
DEATHS = 24
PATIENCE_SECONDS = 900.0
_LONGEST_WAIT = 15.0
NOT_ITS_FAULT = (StorageFull, DatabaseUnavailable, ConnectionsBusy, Contended)


def job_specs(room: Ingestion) -> list[JobSpec]:
    """Processing versions. Run twice it changes nothing: only the holder of the latest attempt may publish."""

    async def process(attempt: Attempt, *, tenant_id: str, documents: Sequence[tuple[str, int]]) -> None:
        with structlog.contextvars.bound_contextvars(tenant_id=tenant_id):
            batch = _Batch(room, UUID(tenant_id), _versions(documents))
            failed = await batch.end()
            if failed and (attempt.number < TRIES or attempt.last):
                raise next(iter(failed.values()))
            for document, error in failed.items():
                await batch.give_up(document, _told(error))

    async def dead(*, tenant_id: str, documents: Sequence[tuple[str, int]], reason: str) -> None:
        batch = _Batch(room, UUID(tenant_id), _versions(documents))
        for document in list(batch.left):
            await batch.give_up(document, reason)

    return [JobSpec(PROCESS_JOB, process, dead, attempts=DEATHS, queue=QUEUE)]


def _told(error: Exception) -> str:
    """Why an attempt failed, in words that never hold a document's own."""
    return str(error) if isinstance(error, Problem | ParserInterrupted) else type(error).__name__


def _versions(documents: Sequence[tuple[str, int]]) -> dict[UUID, int]:
    return {UUID(document): version for document, version in documents}


@dataclass(frozen=True)
class _Batch:
    """The versions of one job that have not ended yet."""

    room: Ingestion
    tenant_id: UUID
    left: dict[UUID, int]

    async def end(self) -> dict[UUID, Exception]:
        """Why some did not end."""
        try:
            return await patiently(self._try)
        except Exception as error:
            return dict.fromkeys(self.left, error)

    async def _try(self) -> dict[UUID, Exception]:
        failed = {}
        for document, ended in (await self.room.process_all(self.tenant_id, self.left)).items():
            about = log.bind(document_id=str(document), version=self.left[document])
            if isinstance(ended, Exception):
                failed[document] = ended
                about.warning("document_failed", error=type(ended).__name__)
            else:
                del self.left[document]
                if ended is not SUPERSEDED:
                    reason = ended.reason.code if ended.reason else None
                    about.info("document_ended", status=ended.status, reason=reason)
        for error in failed.values():
            if isinstance(error, NOT_ITS_FAULT):
                raise error
        return failed

    async def give_up(self, document: UUID, why: str) -> None:
        version = self.left[document]
        await patiently(lambda: self.room.give_up(self.tenant_id, document, version, why))
        log.warning("document_given_up", document_id=str(document), version=version, why=why)


async def patiently(step: Callable[[], Awaitable[T]]) -> T:
    """Runs a step again while the disk is full or the database away: that is no fault of the document, which must not
    use up its attempts for it. Errors: those of the step, and the last of these after a quarter of an hour.
    """
    wait, waited = 0.5, 0.0
    while True:
        try:
            return await step()
        except NOT_ITS_FAULT as error:
            if waited >= PATIENCE_SECONDS:
                raise
            log.warning("ingestion_waits", why=error.code, seconds=wait)
        await asyncio.sleep(wait)
        waited, wait = waited + wait, min(_LONGEST_WAIT, wait * 2)
