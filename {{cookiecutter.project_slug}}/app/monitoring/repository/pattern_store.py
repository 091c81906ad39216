from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.ids import new_id
from app.monitoring.domain.failures.case_candidate import FailureCandidate
from app.monitoring.domain.failures.patterns import FailurePattern
from app.monitoring.domain.failures.signature import FailureSignature
from app.monitoring.domain.failures.stored_pattern import StoredPattern
from app.monitoring.repository import runs
from app.monitoring.tables import case_candidates, failure_patterns

_PATTERN = failure_patterns.c
_CANDIDATE = case_candidates.c
_SIGNATURE = FailureSignature.__dataclass_fields__


async def store_patterns(
    connection: AsyncConnection, tenant: UUID, patterns: Sequence[FailurePattern], at: datetime, oldest: datetime
) -> None:
    """Stores what a run found at a time, the worst first, and deletes what was found before `oldest`."""
    await connection.execute(delete(failure_patterns).where(_PATTERN.found_at < oldest))
    rows = [
        {
            "tenant_id": tenant,
            "id": new_id(),
            "found_at": at,
            "rank": rank,
            **asdict(each.signature),
            "answers": list(each.answers),
            "failures": each.failures,
            "before": each.before,
            "harm": each.harm,
            "growth": each.growth,
            "mixed": each.mixed,
        }
        for rank, each in enumerate(patterns, 1)
    ]
    if rows:
        await connection.execute(insert(failure_patterns).values(rows))
    await runs.finish(connection, tenant, "failures", at)


async def find_pattern(connection: AsyncConnection, pattern_id: UUID) -> StoredPattern | None:
    row = (await connection.execute(select(failure_patterns).where(_PATTERN.id == pattern_id))).first()
    return _stored(row) if row else None


async def newest_run(connection: AsyncConnection, tenant: UUID) -> datetime | None:
    """When patterns were looked for last; of the time before runs were recorded, when some were found."""
    at = await runs.last_finished(connection, tenant, "failures")
    return at or (await connection.execute(select(func.max(_PATTERN.found_at)))).scalar()


async def list_patterns(
    connection: AsyncConnection, found_at: datetime, after: StoredPattern | None, limit: int
) -> list[StoredPattern]:
    """Of the run at a time, the worst first, behind `after`."""
    query = select(failure_patterns).where(_PATTERN.found_at == found_at).order_by(_PATTERN.rank).limit(limit)
    if after:
        query = query.where(_PATTERN.rank > after.rank)
    return [_stored(row) for row in await connection.execute(query)]


def _stored(row: Row[Any]) -> StoredPattern:
    values = row._mapping
    signature = FailureSignature(**{name: values[name] for name in _SIGNATURE})
    numbers = {name: values[name] for name in ("failures", "before", "harm", "growth", "mixed")}
    return StoredPattern(
        row.id, row.found_at, row.rank, FailurePattern(signature, answers=tuple(row.answers), **numbers)
    )


async def propose(connection: AsyncConnection, tenant: UUID, candidates: Sequence[FailureCandidate]) -> None:
    """Candidates that are there already stay as they are."""
    rows = [{"tenant_id": tenant, **asdict(each)} for each in candidates]
    if rows:
        new = insert(case_candidates).values(rows)
        await connection.execute(new.on_conflict_do_nothing(index_elements=["tenant_id", "answer_id"]))


async def list_candidates(
    connection: AsyncConnection, after: UUID | None, limit: int, only: UUID | None = None
) -> list[FailureCandidate]:
    """By the id of their answer, the newest first. only: this answer's."""
    query = select(case_candidates).order_by(_CANDIDATE.answer_id.desc()).limit(limit)
    if after:
        query = query.where(_CANDIDATE.answer_id < after)
    if only:
        query = query.where(_CANDIDATE.answer_id == only)
    return [
        FailureCandidate(row.answer_id, row.reason, row.note, row.proposed_by, row.proposed_at)
        for row in await connection.execute(query)
    ]


async def remove_candidate(connection: AsyncConnection, answer_id: UUID) -> None:
    await connection.execute(delete(case_candidates).where(_CANDIDATE.answer_id == answer_id))
