from uuid import UUID

import structlog

from app.core.errors import Invalid, NotFound
from app.core.jobs import Attempt, JobSpec
from app.evaluation.domain.runs import CorpusMoved, EvaluationUnfinished
from app.evaluation.service import Evaluations
from app.evaluation.service.evaluations import JOB, QUEUE

log = structlog.get_logger(__name__)

ATTEMPTS = 24
"""A worker that dies costs an attempt and at most one case."""


def job_specs(room: Evaluations) -> list[JobSpec]:
    """Carrying out an evaluation. Run twice it asks nothing twice: each case's result is kept on its own."""

    async def run(attempt: Attempt, *, run_id: str) -> None:
        with structlog.contextvars.bound_contextvars(evaluation_id=run_id):
            try:
                ended = await room.carry_out(UUID(run_id))
            except (Invalid, NotFound, EvaluationUnfinished, CorpusMoved) as problem:
                # Trying again would not help; a person has to correct something.
                await room.fail(UUID(run_id), str(problem))
                log.warning("evaluation_failed", code=problem.code)
                return
            log.info("evaluation_ended", verdict=ended.verdict, release_id=ended.release_id)

    async def dead(*, run_id: str, reason: str) -> None:
        await room.fail(UUID(run_id), reason)

    return [JobSpec(JOB, run, dead, attempts=ATTEMPTS, queue=QUEUE)]
