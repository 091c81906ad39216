from dataclasses import dataclass

from app.evaluation.domain.canary import CanaryVerdict
from app.releases.domain import Canary


@dataclass(frozen=True, slots=True)
class Look:
    """What was found about the canary at one moment."""

    canary: Canary
    control: str
    control_answers: int
    canary_answers: int
    verdict: CanaryVerdict
