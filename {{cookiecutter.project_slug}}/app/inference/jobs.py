from app.core.jobs import Attempt, JobSpec
from app.inference.service import Telling
from app.safety.domain.webhooks import TELL_JOB, TELL_QUEUE, Notice

ATTEMPTS, LONGEST_WAIT = 36, 3600
"""Waits of 1, 2, 4, … seconds, and then an hour each: a day."""


def job_specs(telling: Telling) -> list[JobSpec]:
    """Telling who asked for it that something was decided. Run twice it is told twice, under the same id."""

    async def tell(attempt: Attempt, **notice: str) -> None:
        await telling.tell(Notice.of_job(**notice))

    async def dead(*, reason: str, **notice: str) -> None:
        telling.give_up(Notice.of_job(**notice), reason)

    return [JobSpec(TELL_JOB, tell, dead, attempts=ATTEMPTS, queue=TELL_QUEUE, longest_wait=LONGEST_WAIT)]
