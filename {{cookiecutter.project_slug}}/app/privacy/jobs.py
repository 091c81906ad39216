from uuid import UUID

import structlog

from app.core.jobs import Attempt, JobSpec
from app.privacy.domain.requests import PrivacyRequestNotFound
from app.privacy.service import Privacy
from app.privacy.service.erasure import JOB

log = structlog.get_logger(__name__)


def job_specs(privacy: Privacy) -> list[JobSpec]:
    """The job that erases. Idempotent: an erasure continues where it was interrupted, and is done once."""

    async def run(attempt: Attempt, *, tenant_id: str, privacy_request_id: str) -> None:
        try:
            request = await privacy.erasure.resume(UUID(tenant_id), UUID(privacy_request_id))
        except PrivacyRequestNotFound:
            return
        log.info("privacy.erasure_ended", request_id=privacy_request_id, state=request.state)

    return [JobSpec(JOB, run)]
