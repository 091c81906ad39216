from dataclasses import dataclass

from app.releases.domain import PRODUCTION, Arm


@dataclass(frozen=True, slots=True)
class ReleaseAssignment:
    """The release of an answer and the arm of the canary; stored with each answer, so that a canary's verdict can be
    recomputed. unit: the conversation or tenant, which always gets the same arm.
    """

    release_id: str
    environment: str = PRODUCTION
    arm: Arm = "live"
    unit: str = ""
