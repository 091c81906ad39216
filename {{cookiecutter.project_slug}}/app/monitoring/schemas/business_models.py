from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, WithJsonSchema

from app.core.base_models import ExactModel, ResponseModel
from app.core.json_types import decimal_of
from app.core.times import Moment
from app.monitoring.domain.business_report import TechnicalMetric
from app.monitoring.domain.outcomes import OutcomeResult, StoredOutcome

OutcomeAmount = Annotated[
    Decimal,
    decimal_of(4),
    Field(gt=0, le=1_000_000),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 1e-4, "maximum": 1_000_000},
                {"type": "string", "pattern": r"^(?=.*[1-9])\d{1,6}(\.\d{1,4})?$"},
            ]
        }
    ),
]


class OutcomeRequest(ExactModel):
    outcome: str = Field(min_length=1, max_length=40, description="One of `outcomes` in policies/business.yaml.")
    amount: OutcomeAmount = Field(Decimal(1), description="For outcomes that are measured, such as minutes saved.")
    at: Moment | None = Field(None, description="When it happened; now, without it. It may be long ago.")


class OutcomeResponse(BaseModel):
    answer_id: UUID
    outcome: str
    amount: float
    at: datetime
    result: OutcomeResult = Field(description="superseded: a later one of this kind was stored already, and stays.")

    @classmethod
    def of(cls, outcome: StoredOutcome, result: OutcomeResult) -> "OutcomeResponse":
        return cls(**{**asdict(outcome), "amount": float(outcome.amount)}, result=result)


class IntervalResponse(ResponseModel):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


class ReleaseWorthResponse(ResponseModel):
    release_id: str = Field(description="Empty for all releases together.")
    answers: int
    reported: int = Field(description="Answers with an outcome.")
    resolved: int
    deflected: int
    escalated: int
    reasked: int = Field(description="Of the deflected: the same was asked again soon after.")
    settled: int = Field(description="Resolved or deflected, and not asked again.")
    settled_share: IntervalResponse = Field(description="Of answers whose question ended somehow.")
    value_usd: IntervalResponse = Field(description="Of an answer with an outcome, less what it cost.")
    cost_usd: float
    cost_per_settled_usd: float | None = Field(description="The cost of all answers, by those that settled a question.")


class OutcomeLinkResponse(ResponseModel):
    """Whether outcomes go with a technical metric; the interval knows how many links were looked for."""

    metric: TechnicalMetric
    part: str = Field(description="all, or one release or model.")
    answers: int
    median: float
    difference: IntervalResponse = Field(description="Share of settled questions above the median, less that below.")
    found: bool = Field(description="Whether the interval excludes zero.")


class BusinessReportResponse(ResponseModel):
    since: datetime
    until: datetime
    complete: bool = Field(description="Whether all answers of the window are in it, and not only the newest.")
    total: ReleaseWorthResponse
    releases: list[ReleaseWorthResponse]
    outcomes: dict[str, int] = Field(description="How many were reported, by kind.")
    links: list[OutcomeLinkResponse]
