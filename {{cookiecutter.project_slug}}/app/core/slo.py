from pydantic import Field

from app.core.objectives import Objectives
from app.core.policies import PolicyModel


class SloPolicy(PolicyModel):
    """policies/slo.yaml: the latency objective of answers."""

    answer_p95_ms: int = Field(ge=50, le=600_000, description="95 of 100 answers must take no longer, in milliseconds.")
    deadline_factor: float = Field(
        2.0,
        ge=1,
        le=20,
        description="An answer's deadline is answer_p95_ms times this; past it, the answer degrades or fails.",
    )
    objectives: Objectives = Field(Objectives(), description="What `app monitoring write` makes alerts from.")

    @property
    def deadline_seconds(self) -> float:
        return self.answer_p95_ms * self.deadline_factor / 1000
