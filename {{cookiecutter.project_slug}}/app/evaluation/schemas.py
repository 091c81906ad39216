from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.evaluation.domain.looks import Look
from app.evaluation.domain.runs import Run, RunStatus


class EvaluationRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    suite: str = Field("all", max_length=100, description="Only the verdict of 'all' is evidence for an approval.")


class EvaluationShown(BaseModel):
    """An evaluation and how far it is. baseline: the release it is compared with; null when nothing was live."""

    id: UUID
    release_id: str
    suite: str
    suite_digest: str
    baseline: str | None
    against_report: str | None
    actor: str
    status: RunStatus
    done: int
    total: int
    corpus: dict[str, int] = Field(description="The corpus version of each tenant that is measured, once it is known.")
    created_at: datetime
    ended_at: datetime | None
    report: str | None
    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE"] | None
    problem: str | None

    @classmethod
    def of(cls, run: Run) -> "EvaluationShown":
        return cls(
            id=run.id,
            release_id=run.release_id,
            suite=run.suite,
            suite_digest=run.suite_digest,
            baseline=run.baseline_id,
            against_report=run.against,
            actor=run.actor,
            status=run.status,
            done=run.done,
            total=run.total,
            corpus=dict(run.corpus),
            created_at=run.created_at,
            ended_at=run.ended_at,
            report=run.report,
            verdict=run.verdict,
            problem=run.problem,
        )


class EvaluationPage(BaseModel):
    items: list[EvaluationShown]
    next: UUID | None = Field(description="'after' of the next page; null on the last one.")


class CanaryMetric(BaseModel):
    """harm: how much worse the canary is, in points of a share or as a share of the control."""

    metric: str
    control_answers: int
    canary_answers: int
    harm: float
    margin: float
    p: float = Field(description="Always valid: that such harm is an accident.")
    harmful: bool
    cleared: bool = Field(description="Harm beyond the margin is ruled out.")
    evidence: bool = Field(description="The canary passes only once this metric is cleared.")


class CanaryLook(BaseModel):
    """HOLD: nothing is decided yet. FAIL: a worker takes the canary back. PASS: it may go live."""

    release_id: str
    control: str = Field(description="The live release beside it.")
    percent: float
    since: datetime
    verdict: Literal["PASS", "FAIL", "HOLD"]
    reasons: list[str]
    control_answers: int
    canary_answers: int
    metrics: list[CanaryMetric]

    @classmethod
    def of(cls, look: Look) -> "CanaryLook":
        return cls(
            release_id=look.canary.release_id,
            control=look.control,
            percent=look.canary.percent,
            since=look.canary.since,
            verdict=look.verdict.verdict,
            reasons=list(look.verdict.reasons),
            control_answers=look.control_answers,
            canary_answers=look.canary_answers,
            metrics=[CanaryMetric(**asdict(found)) for found in look.verdict.findings],
        )
