from pydantic import Field

from app.core.base_models import ExactModel


class DriftPolicy(ExactModel):
    """How live traffic is compared with a pinned week of it."""

    alpha: float = Field(0.05, gt=0, lt=1, description="Chance of any false alarm within 30 days, of all signals.")
    reference_days: int = Field(7, ge=1, le=90, description="Length of the reference: the first healthy such period.")
    min_reference: int = Field(500, ge=100, le=100_000, description="Answers that a reference must have.")
    max_reference: int = Field(2000, ge=100, le=20_000, description="The newest answers of the reference that count.")
    max_refused: float = Field(0.5, gt=0, le=1, description="A period with a larger share of refusals is not healthy.")
    max_degraded: float = Field(0.2, gt=0, le=1, description="As max_refused, of degraded answers.")
    window: int = Field(500, ge=100, le=10_000, description="The newest answers that are compared.")
    step: int = Field(100, ge=20, le=10_000, description="New answers after which they are compared again.")
    min_share: float = Field(0.03, ge=0, lt=1, description="The least change of a share that is an alarm.")
    min_shift: float = Field(0.05, ge=0, description="As min_share, of a distribution, by its PSI.")
