from uuid import UUID

import structlog

from app.core.errors import Invalid, NotFound
from app.core.jobs import Attempt, JobSpec
from app.evaluation.domain.runs import CorpusChanged, EvaluationUnfinished
from app.evaluation.service import Evaluations
from app.evaluation.service.evaluations import JOB, QUEUE

log = structlog.get_logger(__name__)

ATTEMPTS = 24
"""A worker that dies costs one attempt and repeats at most one case."""


def job_specs(evaluations: Evaluations) -> list[JobSpec]:
    """The job that runs an evaluation. Idempotent: a case with a stored result is not run again."""

    async def run(attempt: Attempt, *, run_id: str) -> None:
        with structlog.contextvars.bound_contextvars(evaluation_id=run_id):
            try:
                ended = await evaluations.execute(UUID(run_id))
            except (Invalid, NotFound, EvaluationUnfinished, CorpusChanged) as problem:
                # A retry cannot help: a person has to correct something first.
                await evaluations.fail(UUID(run_id), str(problem))
                log.warning("evaluation.run_failed", code=problem.code)
                return
            log.info("evaluation.run_ended", verdict=ended.verdict, release_id=ended.release_id)

    async def dead(*, run_id: str, reason: str) -> None:
        await evaluations.fail(UUID(run_id), reason)

    return [JobSpec(JOB, run, dead, attempts=ATTEMPTS, queue=QUEUE)]
