"""What is in the queue, for metrics and operators: depth and age by kind, and jobs that failed for good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.database import Database, moment
from app.core.errors import NotFound

LANE = 1_000_000_000
"""How far a bulk load stands behind everything else."""

_DEPTH = text(
    """
    select q.kind, q.ready, q.parked,
        coalesce(extract(epoch from clock_timestamp() - coalesce(
            j.scheduled_at, (select min(e.at) from procrastinate_events e where e.job_id = j.id))), 0) as seconds
    from (
        select task_name as kind,
            count(*) filter (where status = 'todo' and coalesce(scheduled_at <= now(), true)) as ready,
            count(*) filter (where status = 'failed') as parked,
            min(id) filter (where status = 'todo' and coalesce(scheduled_at <= now(), true)) as oldest
        from procrastinate_jobs where status in ('todo', 'failed') group by task_name
    ) q left join procrastinate_jobs j on j.id = q.oldest
    """
)
# Fair queueing: a job's place is one after its tenant's last, and never before the place that is served now.
_PLACE = text(
    """
    select greatest(
        (select -priority - :lane from procrastinate_jobs where status = 'todo' and queue_name = :queue
           and priority between -:lane - :width and -:lane order by priority desc limit 1),
        (select -min(priority) - :lane + 1 from procrastinate_jobs where status = 'todo' and queue_name = :queue
           and args->>'tenant_id' = :tenant and priority between -:lane - :width and -:lane),
        0)
    """
)
_PARK = text(
    """
    insert into parked_jobs (job_id, reason, parked_at) values (:job, :reason, :at)
    on conflict (job_id) do update set reason = excluded.reason, parked_at = excluded.parked_at
    """
)
_FORGET = text(
    "delete from parked_jobs p where not exists (select from procrastinate_jobs j where j.id = p.job_id "
    "and j.status = 'failed')"
)
_PARKED = text(
    """
    select j.id, j.task_name, j.attempts, coalesce(p.reason, ''), coalesce(p.parked_at, e.at), j.args
    from procrastinate_jobs j left join parked_jobs p on p.job_id = j.id
    left join lateral (select max(at) as at from procrastinate_events where job_id = j.id) e on true
    where j.status = 'failed' and coalesce(j.id = cast(:job as bigint), true)
      and coalesce(j.task_name = cast(:kind as text), true) order by j.id limit :limit
    """
)
_RETRY = text(
    "update procrastinate_jobs set status = 'todo', attempts = 0, scheduled_at = null, worker_id = null "
    "where id = any(cast(:jobs as bigint[])) and status = 'failed' returning id"
)


_ADD_ATTEMPTS = text(
    """
    insert into job_counts (day, kind, done, failed) values ((now() at time zone 'utc')::date, :kind, :done, :failed)
    on conflict (day, kind)
    do update set done = job_counts.done + excluded.done, failed = job_counts.failed + excluded.failed
    """
)


class JobNotFound(NotFound):
    code, title = "job_not_found", "No parked job has this id"
    action = "'app jobs list' shows those that there are."


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Of one kind of job. ready: waiting for a worker; oldest_seconds: for how long the first of them has waited;
    parked: failed for good.
    """

    ready: int
    parked: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class ParkedJob:
    """A job that failed for good. reason: the kind of its last error, without any content."""

    id: int
    kind: str
    attempts: int
    reason: str
    parked_at: datetime
    arguments: Mapping[str, Any]


async def depth_of_queue(connection: AsyncConnection) -> dict[str, QueueDepth]:
    """By kind of job; a kind without any is left out."""
    rows = await connection.execute(_DEPTH)
    return {row.kind: QueueDepth(row.ready, row.parked, max(0.0, float(row.seconds))) for row in rows}


async def add_attempts(connection: AsyncConnection, attempts: Mapping[tuple[str, bool], int]) -> None:
    """Add attempts of jobs to those of the day. attempts: by kind, and whether they ended well."""
    for kind in sorted({kind for kind, _ in attempts}):
        values = {"kind": kind, "done": attempts.get((kind, True), 0), "failed": attempts.get((kind, False), 0)}
        await connection.execute(_ADD_ATTEMPTS, values)


async def fair_priority(connection: AsyncConnection, queue: str, tenant_id: UUID, bulk: bool) -> int:
    """A priority by which tenants take turns in a queue, however many jobs each has there.

    bulk: behind all jobs of people who wait, in turns among themselves.
    """
    lane = LANE if bulk else 0
    values = {"queue": queue, "tenant": str(tenant_id), "lane": lane, "width": LANE - 1}
    place = int(await connection.scalar(_PLACE, values) or 0)
    return -lane - min(place, LANE - 1)


async def park(database: Database, job_id: int, reason: str, clock: Clock | None = None) -> None:
    """Note why a job failed for good."""
    async with database.transaction(None) as connection:
        await connection.execute(_FORGET)
        await connection.execute(_PARK, {"job": job_id, "reason": reason, "at": await moment(connection, clock)})


@dataclass(frozen=True)
class ParkedJobs:
    """Jobs that failed for good, of all tenants; each stays until it is run again."""

    database: Database

    async def list(self, kind: str | None = None, limit: int = 200) -> Sequence[ParkedJob]:
        """The oldest first."""
        async with self.database.read(None) as connection:
            rows = await connection.execute(_PARKED, {"job": None, "kind": kind, "limit": limit})
            return [ParkedJob(*row) for row in rows]

    async def find(self, job_id: int) -> ParkedJob:
        """Errors: JobNotFound."""
        async with self.database.read(None) as connection:
            row = (await connection.execute(_PARKED, {"job": job_id, "kind": None, "limit": 1})).first()
        if row is None:
            raise JobNotFound(f"There is no parked job {job_id}.")
        return ParkedJob(*row)

    async def retry(self, jobs: Sequence[int]) -> Sequence[int]:
        """Put jobs back into the queue with all of their attempts. Returns those that were still parked."""
        async with self.database.transaction(None) as connection:
            again = list((await connection.execute(_RETRY, {"jobs": list(jobs)})).scalars())
            await connection.execute(_FORGET)
        return again
