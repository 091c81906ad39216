from dataclasses import dataclass

from app.releases.domain import PRODUCTION, Arm


@dataclass(frozen=True, slots=True)
class ReleaseAssignment:
    """Which release an answer belongs to, and why this one; recorded with each answer, so that what a canary was judged
    by can be worked out again. unit: the conversation, or the tenant, that stays on one side of it.
    """

    release_id: str
    environment: str = PRODUCTION
    arm: Arm = "live"
    unit: str = ""
