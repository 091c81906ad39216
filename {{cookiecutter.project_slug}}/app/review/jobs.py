from uuid import UUID

from app.core.jobs import Attempt, JobSpec
from app.inference.domain.review import SENT_JOB, SENT_QUEUE
from app.review.service import Reviews

ATTEMPTS = 24


def job_specs(room: Reviews) -> list[JobSpec]:
    """Putting an answer into the queue. Run twice it is there once; when it cannot be, the answer is not delivered."""

    async def take(attempt: Attempt, *, tenant_id: str, answer_id: str) -> None:
        await room.take(UUID(tenant_id), UUID(answer_id))

    async def dead(*, tenant_id: str, answer_id: str, reason: str) -> None:
        await room.deny(UUID(tenant_id), UUID(answer_id), reason)

    return [JobSpec(SENT_JOB, take, dead, attempts=ATTEMPTS, queue=SENT_QUEUE)]
