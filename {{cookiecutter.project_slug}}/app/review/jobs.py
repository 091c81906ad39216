from uuid import UUID

from app.actions.domain import REVIEW_JOB as ACTION_JOB
from app.actions.domain import REVIEW_QUEUE as ACTION_QUEUE
from app.core.jobs import Attempt, JobSpec
from app.inference.domain.human_review import REVIEW_JOB, REVIEW_QUEUE
from app.review.service import ReviewLifecycle

ATTEMPTS = 24


def job_specs(lifecycle: ReviewLifecycle) -> list[JobSpec]:
    """The jobs that put answers and actions into the review queue. Idempotent. Where a job fails for good, the answer
    is not delivered and the action does not run.
    """

    async def add_answer(attempt: Attempt, *, tenant_id: str, answer_id: str) -> None:
        await lifecycle.add(UUID(tenant_id), UUID(answer_id))

    async def answer_failed(*, tenant_id: str, answer_id: str, reason: str) -> None:
        await lifecycle.reject_unqueued(UUID(tenant_id), UUID(answer_id), reason)

    async def add_action(attempt: Attempt, *, tenant_id: str, action_id: str) -> None:
        await lifecycle.add(UUID(tenant_id), UUID(action_id), "action")

    async def action_failed(*, tenant_id: str, action_id: str, reason: str) -> None:
        await lifecycle.reject_unqueued(UUID(tenant_id), UUID(action_id), reason, "action")

    return [
        JobSpec(REVIEW_JOB, add_answer, answer_failed, attempts=ATTEMPTS, queue=REVIEW_QUEUE),
        JobSpec(ACTION_JOB, add_action, action_failed, attempts=ATTEMPTS, queue=ACTION_QUEUE),
    ]
