from uuid import UUID

from app.actions.domain import REVIEW_JOB as ACTION_JOB
from app.actions.domain import REVIEW_QUEUE as ACTION_QUEUE
from app.core.jobs import Attempt, JobSpec
from app.inference.domain.human_review import REVIEW_JOB, REVIEW_QUEUE
from app.review.service import Reviews

ATTEMPTS = 24


def job_specs(room: Reviews) -> list[JobSpec]:
    """Putting answers and actions into the queue. Run twice they are there once; when one cannot be, the answer is not
    delivered, and the action does not run.
    """

    async def take(attempt: Attempt, *, tenant_id: str, answer_id: str) -> None:
        await room.take(UUID(tenant_id), UUID(answer_id))

    async def dead(*, tenant_id: str, answer_id: str, reason: str) -> None:
        await room.deny(UUID(tenant_id), UUID(answer_id), reason)

    async def take_action(attempt: Attempt, *, tenant_id: str, action_id: str) -> None:
        await room.take(UUID(tenant_id), UUID(action_id), "action")

    async def dead_action(*, tenant_id: str, action_id: str, reason: str) -> None:
        await room.deny(UUID(tenant_id), UUID(action_id), reason, "action")

    return [
        JobSpec(REVIEW_JOB, take, dead, attempts=ATTEMPTS, queue=REVIEW_QUEUE),
        JobSpec(ACTION_JOB, take_action, dead_action, attempts=ATTEMPTS, queue=ACTION_QUEUE),
    ]
