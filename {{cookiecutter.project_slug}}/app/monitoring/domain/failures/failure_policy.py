from pydantic import Field

from app.core.base_models import ExactModel


class HarmWeights(ExactModel):
    """The harm of one failure; those that apply are added."""

    problem: float = Field(3.0, ge=0, le=100, description="The request ended without an answer.")
    rejected: float = Field(3.0, ge=0, le=100, description="A reviewer rejected the answer.")
    unhelpful: float = Field(2.0, ge=0, le=100, description="The asker called the answer unhelpful.")
    refused: float = Field(1.0, ge=0, le=100, description="The question was refused.")
    degraded: float = Field(0.5, ge=0, le=100, description="The answer is degraded.")


class FailurePolicy(ExactModel):
    """How failures are grouped into patterns."""

    window_days: int = Field(7, ge=1, le=90, description="The window that is looked at; the one before is as long.")
    every_hours: float = Field(6.0, gt=0, le=168, description="How often the worker looks for patterns.")
    similarity: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="How alike the questions of a pattern are: 0 as two of the traffic on average, 1 the same.",
    )
    min_failures: int = Field(5, ge=2, le=1000, description="Fewer similar questions are no pattern of their own.")
    max_failures: int = Field(10_000, ge=100, le=100_000, description="The newest failures of a window that are read.")
    max_patterns: int = Field(100, ge=1, le=1000, description="The worst patterns, which are stored.")
    keep_days: int = Field(14, ge=1, le=365, description="How long patterns are stored; they hold no text.")
    harm: HarmWeights = Field(HarmWeights(), description="What a failure weighs.")
