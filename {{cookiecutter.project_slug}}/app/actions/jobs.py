from uuid import UUID

from app.actions.domain import RUN_JOB, RUN_QUEUE
from app.actions.service import Actions
from app.core.jobs import Attempt, JobSpec

ATTEMPTS = 24


def job_specs(room: Actions) -> list[JobSpec]:
    """Doing what was approved. Run twice it is done once; when it cannot be, the action has failed."""

    async def run(attempt: Attempt, *, tenant_id: str, action_id: str) -> None:
        await room.run(UUID(tenant_id), UUID(action_id))

    async def dead(*, tenant_id: str, action_id: str, reason: str) -> None:
        await room.give_up(UUID(tenant_id), UUID(action_id), reason)

    return [JobSpec(RUN_JOB, run, dead, attempts=ATTEMPTS, queue=RUN_QUEUE)]
