from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.base_models import ExactModel, ResponseModel
from app.evaluation.domain.canary import CanaryStatus
from app.evaluation.domain.runs import EvaluationRun, RunStatus


class EvaluationRequest(ExactModel):
    suite: str = Field("all", max_length=100, description="Only the verdict of 'all' is evidence for an approval.")


class EvaluationResponse(BaseModel):
    """An evaluation and its progress. baseline: the release it is compared with; null when none was live."""

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
    def of(cls, run: EvaluationRun) -> "EvaluationResponse":
        return cls.model_validate({**asdict(run), "baseline": run.baseline_id, "against_report": run.against})


class EvaluationPageResponse(BaseModel):
    items: list[EvaluationResponse]
    next: UUID | None = Field(description="Pass it as 'after' to get the next page; null on the last one.")


class CanaryMetricResponse(ResponseModel):
    """harm: how much worse the canary is: a difference for shares, relative to the control otherwise."""

    metric: str
    control_answers: int
    canary_answers: int
    harm: float
    margin: float
    p: float = Field(description="Always-valid p value of this harm under no harm, for this metric alone.")
    harmful: bool
    cleared: bool = Field(description="Harm beyond the margin is ruled out.")
    evidence: bool = Field(description="The canary passes only once this metric is cleared.")


class CanaryStatusResponse(BaseModel):
    """HOLD: no decision yet. FAIL: a worker ends the canary. PASS: it may go live."""

    release_id: str
    control: str = Field(description="The live release it is compared with.")
    percent: float
    since: datetime
    verdict: Literal["PASS", "FAIL", "HOLD"]
    reasons: list[str]
    control_answers: int
    canary_answers: int
    metrics: list[CanaryMetricResponse]

    @classmethod
    def of(cls, status: CanaryStatus) -> "CanaryStatusResponse":
        return cls(
            release_id=status.canary.release_id,
            control=status.control,
            percent=status.canary.percent,
            since=status.canary.since,
            verdict=status.decision.verdict,
            reasons=list(status.decision.reasons),
            control_answers=status.control_answers,
            canary_answers=status.canary_answers,
            metrics=[CanaryMetricResponse.model_validate(finding) for finding in status.decision.findings],
        )
