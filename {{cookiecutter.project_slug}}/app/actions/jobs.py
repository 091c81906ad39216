from uuid import UUID

from app.actions.domain import RUN_JOB, RUN_QUEUE
from app.actions.service import ActionExecution
from app.core.jobs import Attempt, JobSpec

ATTEMPTS = 24


def job_specs(execution: ActionExecution) -> list[JobSpec]:
    """Runs an approved action. The job is idempotent; when all attempts fail, the action fails."""

    async def run(attempt: Attempt, *, tenant_id: str, action_id: str) -> None:
        await execution.run(UUID(tenant_id), UUID(action_id))

    async def dead(*, tenant_id: str, action_id: str, reason: str) -> None:
        await execution.give_up(UUID(tenant_id), UUID(action_id), reason)

    return [JobSpec(RUN_JOB, run, dead, attempts=ATTEMPTS, queue=RUN_QUEUE)]
