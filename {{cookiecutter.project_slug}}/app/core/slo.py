from typing import Self

from pydantic import Field, model_validator

from app.core.base_models import ExactModel
from app.core.objectives import ErrorBudgetRules, Objectives
from app.core.policies import PolicyModel


class BrownoutStep(ExactModel):
    """What answers do without while the queue is at least this full."""

    pressure: float = Field(gt=0, le=1, description="How full the queue is, averaged over two seconds, to begin this.")
    passages: int | None = Field(None, ge=1, le=20, description="The most passages that are retrieved.")
    second_model: bool = Field(True, description="Whether another model is called when the first one fails.")
    extractive: bool = Field(False, description="Whether the evidence is quoted, without any model.")


class OverloadPolicy(ExactModel):
    """How many answers a process works on at a time, how long more may wait, and what they do without meanwhile."""

    min_answers: int = Field(4, ge=1, description="The limit on concurrent answers never falls below this.")
    initial_answers: int = Field(
        16, ge=1, description="The limit at the start; it adapts up to concurrent_answers in security.yaml."
    )
    target_wait_ms: float = Field(
        5.0, gt=0, le=1000, description="Ready work that waits longer for the processor or a connection shrinks it."
    )
    queue_seconds: float = Field(
        0.5, ge=0, le=60, description="Longest wait for a turn; never more than a quarter of the deadline."
    )
    max_waiting: int = Field(256, ge=0, le=100_000, description="The most requests that wait for their turn.")
    tenant_share: float = Field(
        0.8, gt=0, le=1, description="The part of the limit that one tenant may use while others are active."
    )
    brownout: tuple[BrownoutStep, ...] = Field((), description="Steps from the mildest to the strongest; none: refuse.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.initial_answers < self.min_answers:
            raise ValueError("initial_answers is below min_answers")
        begins = [step.pressure for step in self.brownout]
        if begins != sorted(begins):
            raise ValueError("the steps of brownout are not in the order of their pressure")
        return self


class LoadTestPolicy(ExactModel):
    """Budgets of `make load`, as ratios to what the same run measured at its start."""

    overload: float = Field(3.0, gt=1, le=20, description="How many times its capacity the service is asked.")
    goodput: float = Field(0.8, gt=0, le=1, description="Least part of the capacity that is answered meanwhile.")
    refusal_ratio: float = Field(
        1.0, gt=0, description="Median time of a refusal, at most, in median times of an answer at capacity."
    )
    half_load_ratio: float = Field(
        3.0, gt=0, description="p95 at half of the capacity, at most, in median times of a single caller's answers."
    )
    recovery_seconds: float = Field(5.0, gt=0, description="Time until answers are as before, after the overload.")


class SloPolicy(PolicyModel):
    """policies/slo.yaml: the latency objective of answers, and what happens under overload."""

    answer_p95_ms: int = Field(ge=50, le=600_000, description="95 of 100 answers must take no longer, in milliseconds.")
    deadline_factor: float = Field(
        2.0,
        ge=1,
        le=20,
        description="An answer's deadline is answer_p95_ms times this; past it, the answer degrades or fails.",
    )
    overload: OverloadPolicy = OverloadPolicy()
    load_test: LoadTestPolicy = LoadTestPolicy()
    objectives: Objectives = Field(Objectives(), description="What `app monitoring write` makes alerts from.")
    error_budget: ErrorBudgetRules = Field(ErrorBudgetRules(), description="What a spent error budget stops.")

    @property
    def deadline_seconds(self) -> float:
        return self.answer_p95_ms * self.deadline_factor / 1000

    @property
    def longest_wait_seconds(self) -> float:
        """How long a request may wait for its turn, which is part of its deadline."""
        return min(self.overload.queue_seconds, self.deadline_seconds / 4)
