from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import locks
from app.evaluation.domain.observation import Observation
from app.evaluation.domain.runs import DocumentsByCase, EvaluationRun
from app.evaluation.tables import evaluation_opinions, evaluation_reports, evaluation_results, evaluation_runs

RUNS = evaluation_runs.c
RESULTS = evaluation_results.c


async def lock(connection: AsyncConnection) -> None:
    """Serialises starting and ending evaluations until the end of the transaction."""
    await locks.lock(connection, locks.EVALUATION_RUNS)


async def add_run(connection: AsyncConnection, run: EvaluationRun) -> None:
    names = (column.name for column in evaluation_runs.columns)
    await connection.execute(insert(evaluation_runs).values({name: getattr(run, name) for name in names}))


async def find_run(connection: AsyncConnection, run_id: UUID) -> EvaluationRun | None:
    row = (await connection.execute(select(evaluation_runs).where(RUNS.id == run_id))).one_or_none()
    return _run(row) if row else None


async def find_unfinished(connection: AsyncConnection, planned: EvaluationRun) -> EvaluationRun | None:
    """An unfinished run of the same release on the same suite with the same baseline."""
    query = select(evaluation_runs).where(
        RUNS.release_id == planned.release_id,
        RUNS.suite_digest == planned.suite_digest,
        RUNS.baseline_id.is_not_distinct_from(planned.baseline_id),
        RUNS.against.is_not_distinct_from(planned.against),
        RUNS.status.in_(("queued", "running")),
    )
    row = (await connection.execute(query.order_by(RUNS.created_at).limit(1))).one_or_none()
    return _run(row) if row else None


async def list_runs(
    connection: AsyncConnection, limit: int, after: UUID | None, release_id: str | None
) -> list[EvaluationRun]:
    """The newest first. after: the last one of the previous page."""
    query = select(evaluation_runs).order_by(RUNS.created_at.desc(), RUNS.id.desc()).limit(limit)
    if after is not None:
        last = select(RUNS.created_at, RUNS.id).where(RUNS.id == after).subquery()
        query = query.where(tuple_(RUNS.created_at, RUNS.id) < select(last.c.created_at, last.c.id).scalar_subquery())
    if release_id is not None:
        query = query.where(RUNS.release_id == release_id)
    return [_run(row) for row in await connection.execute(query)]


async def change_run(connection: AsyncConnection, run_id: UUID, **values: Any) -> None:
    await connection.execute(update(evaluation_runs).where(RUNS.id == run_id, RUNS.ended_at.is_(None)).values(**values))


async def set_progress(connection: AsyncConnection, run_id: UUID, done: int) -> None:
    """Never decreases, should two processes work on the same run."""
    await change_run(connection, run_id, done=func.greatest(RUNS.done, done))


async def list_observations(
    connection: AsyncConnection, release_id: str, cases: Sequence[tuple[str, int]]
) -> dict[str, Observation]:
    """Stored observations by the digest of their case. cases: (digest, corpus version) of each."""
    query = select(RESULTS.case_digest, RESULTS.observed).where(
        RESULTS.release_id == release_id, tuple_(RESULTS.case_digest, RESULTS.corpus_version).in_(list(cases))
    )
    return {digest: Observation.read(stored) for digest, stored in await connection.execute(query)}


async def add_observation(
    connection: AsyncConnection,
    tenant_id: UUID,
    release_id: str,
    case_digest: str,
    corpus_version: int,
    observation: Observation,
    at: datetime,
) -> None:
    """The first of two observations of the same case is kept."""
    values = {
        "tenant_id": tenant_id,
        "release_id": release_id,
        "case_digest": case_digest,
        "corpus_version": corpus_version,
        "observed": observation.as_dict(),
        "at": at,
    }
    await connection.execute(insert(evaluation_results).values(values).on_conflict_do_nothing())


async def find_judge_verdict(connection: AsyncConnection, judge: str, subject: str) -> tuple[bool | None] | None:
    """The stored verdict of this judge on this answer in a tuple, which may be (None,); None without one."""
    query = select(evaluation_opinions.c.good).where(
        evaluation_opinions.c.judge == judge, evaluation_opinions.c.subject == subject
    )
    row = (await connection.execute(query)).one_or_none()
    return (row.good,) if row else None


async def add_judge_verdict(
    connection: AsyncConnection, tenant_id: UUID, judge: str, subject: str, good: bool | None, at: datetime
) -> None:
    values = {"tenant_id": tenant_id, "judge": judge, "subject": subject, "good": good, "at": at}
    await connection.execute(insert(evaluation_opinions).values(values).on_conflict_do_nothing())


async def add_report(
    connection: AsyncConnection, digest: str, content: bytes, at: datetime, sources: DocumentsByCase | None = None
) -> None:
    """sources: the documents that a case's texts quote, by case and tenant. Without them nobody may read the texts."""
    values = {"digest": digest, "content": content, "created_at": at, "sources": sources or {}}
    await connection.execute(insert(evaluation_reports).values(values).on_conflict_do_nothing())


async def find_report(connection: AsyncConnection, digest: str) -> tuple[bytes, DocumentsByCase] | None:
    """The canonical bytes and the sources of each case."""
    columns = evaluation_reports.c
    query = select(columns.content, columns.sources).where(columns.digest == digest)
    row = (await connection.execute(query)).first()
    return (bytes(row.content), row.sources) if row else None


def _run(row: Row[Any]) -> EvaluationRun:
    return EvaluationRun(**row._mapping)
