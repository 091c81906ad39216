from app.core.jobs import Attempt, JobSpec
from app.webhooks.domain import SEND_JOB, SEND_QUEUE, WebhookMessage
from app.webhooks.service import WebhookSender

MAX_ATTEMPTS, MAX_WAIT_SECONDS = 36, 3600
"""Waits of 1, 2, 4, … seconds and then of an hour each, for about a day in total."""


def job_specs(sender: WebhookSender) -> list[JobSpec]:
    """The job that sends a webhook about a decision. If it runs twice, both messages have the same id."""

    async def send(attempt: Attempt, **arguments: str) -> None:
        await sender.send(WebhookMessage.of_job(**arguments))

    async def dead(*, reason: str, **arguments: str) -> None:
        sender.give_up(WebhookMessage.of_job(**arguments), reason)

    return [JobSpec(SEND_JOB, send, dead, attempts=MAX_ATTEMPTS, queue=SEND_QUEUE, longest_wait=MAX_WAIT_SECONDS)]
