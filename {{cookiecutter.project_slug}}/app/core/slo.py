from pydantic import Field

from app.core.policies import PolicyModel


class SloPolicy(PolicyModel):
    """policies/slo.yaml: how fast answers must be."""

    answer_p95_ms: int = Field(ge=50, le=600_000, description="95 of 100 answers must be there by then.")
    deadline_factor: float = Field(
        2.0,
        ge=1,
        le=20,
        description="An answer's deadline is answer_p95_ms times this; then it degrades or ends.",
    )

    @property
    def deadline_seconds(self) -> float:
        return self.answer_p95_ms * self.deadline_factor / 1000
