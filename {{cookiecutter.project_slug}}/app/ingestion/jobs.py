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

MAX_FAILURES = 6
"""Failed attempts at a version before it is quarantined."""
# Higher than MAX_FAILURES: a document rarely kills its worker, because parsing is done in another process.
MAX_ATTEMPTS = 24
MAX_OUTAGE_SECONDS = 900.0
_MAX_WAIT_SECONDS = 15.0
INFRASTRUCTURE_ERRORS = (StorageFull, DatabaseUnavailable, ConnectionsBusy, Contended)


def job_specs(ingestion: Ingestion) -> list[JobSpec]:
    """The job that processes versions. It is idempotent: only the latest attempt at a version may publish it."""

    async def process(attempt: Attempt, *, tenant_id: str, documents: Sequence[tuple[str, int]]) -> None:
        with structlog.contextvars.bound_contextvars(tenant_id=tenant_id):
            batch = _Batch(ingestion, UUID(tenant_id), _versions(documents))
            failures = await batch.process()
            if failures and (attempt.number < MAX_FAILURES or attempt.last):
                raise next(iter(failures.values()))
            for document, error in failures.items():
                await batch.give_up(document, _description(error))

    async def dead(*, tenant_id: str, documents: Sequence[tuple[str, int]], reason: str) -> None:
        batch = _Batch(ingestion, UUID(tenant_id), _versions(documents))
        for document in list(batch.unfinished):
            await batch.give_up(document, reason)

    return [JobSpec(PROCESS_JOB, process, dead, attempts=MAX_ATTEMPTS, queue=QUEUE)]


def _description(error: Exception) -> str:
    """Why an attempt failed, without any content of the document."""
    return str(error) if isinstance(error, Problem | ParserInterrupted) else type(error).__name__


def _versions(documents: Sequence[tuple[str, int]]) -> dict[UUID, int]:
    return {UUID(document): version for document, version in documents}


@dataclass(frozen=True)
class _Batch:
    """The versions of one job that have not ended yet."""

    ingestion: Ingestion
    tenant_id: UUID
    unfinished: dict[UUID, int]

    async def process(self) -> dict[UUID, Exception]:
        """Process the versions; returns the error of each document that failed."""
        try:
            return await wait_out_outages(self._process)
        except Exception as error:
            return dict.fromkeys(self.unfinished, error)

    async def _process(self) -> dict[UUID, Exception]:
        failures = {}
        for document, result in (await self.ingestion.process_all(self.tenant_id, self.unfinished)).items():
            document_log = log.bind(document_id=str(document), version=self.unfinished[document])
            if isinstance(result, Exception):
                failures[document] = result
                document_log.warning("ingestion.document_failed", error=type(result).__name__)
            else:
                del self.unfinished[document]
                if result is not SUPERSEDED:
                    reason = result.reason.code if result.reason else None
                    document_log.info("ingestion.document_processed", status=result.status, reason=reason)
        for error in failures.values():
            if isinstance(error, INFRASTRUCTURE_ERRORS):
                raise error
        return failures

    async def give_up(self, document: UUID, why: str) -> None:
        version = self.unfinished[document]
        await wait_out_outages(lambda: self.ingestion.give_up(self.tenant_id, document, version, why))
        log.warning("ingestion.document_abandoned", document_id=str(document), version=version, why=why)


async def wait_out_outages(step: Callable[[], Awaitable[T]]) -> T:
    """Repeats a step while the disk is full or the database unavailable, so that an outage uses up no attempts of a
    document. Errors: those of the step; those of an outage that lasts longer than MAX_OUTAGE_SECONDS.
    """
    wait, waited = 0.5, 0.0
    while True:
        try:
            return await step()
        except INFRASTRUCTURE_ERRORS as error:
            if waited >= MAX_OUTAGE_SECONDS:
                raise
            log.warning("ingestion.waiting_for_infrastructure", why=error.code, seconds=wait)
        await asyncio.sleep(wait)
        waited, wait = waited + wait, min(_MAX_WAIT_SECONDS, wait * 2)
