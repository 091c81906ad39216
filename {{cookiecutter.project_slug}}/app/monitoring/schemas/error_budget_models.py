from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from app.core.base_models import ExactModel
from app.core.reasons import Reason
from app.monitoring.domain.alert_notices import AlertNotice, NoticeState
from app.monitoring.domain.business_report import BusinessReport, OutcomeLink, ReleaseWorth, TechnicalMetric
from app.monitoring.domain.error_budget import BudgetException, ErrorBudget, ErrorBudgetState, ExceptionKind
from app.monitoring.domain.online_scores import DailyScore, ScoreName, Stratum
from app.monitoring.domain.outcomes import OutcomeResult, StoredOutcome

OutcomeAmount = Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=4, allow_inf_nan=False)]


class ErrorBudgetResponse(BaseModel):
    objective: str = Field(description="The field of `objectives` in policies/slo.yaml.")
    target: float = Field(description="The share of events that must go well.")
    events: int = Field(description="Within the window.")
    bad: int
    used: float = Field(description="Share of the budget that was used; above 1 when more was.")
    left: float
    state: ErrorBudgetState = Field(description="unjudged: fewer events than min_events.")

    @classmethod
    def of(cls, budget: ErrorBudget) -> "ErrorBudgetResponse":
        return cls(
            objective=budget.objective,
            target=budget.target,
            events=budget.events,
            bad=budget.bad,
            used=round(budget.used, 4),
            left=round(budget.left, 4),
            state=budget.state,
        )


class ErrorBudgetsResponse(BaseModel):
    window_days: int
    budgets: list[ErrorBudgetResponse]
    freezes: list[str] = Field(description="Objectives whose spent budget stops releases now, except fixes.")

    @classmethod
    def of(cls, budgets: Sequence[ErrorBudget], window_days: int, freeze_on: Sequence[str]) -> "ErrorBudgetsResponse":
        spent = [each.objective for each in budgets if each.state == "spent" and each.objective in freeze_on]
        return cls(window_days=window_days, budgets=[ErrorBudgetResponse.of(each) for each in budgets], freezes=spent)


class BudgetExceptionRequest(ExactModel):
    release: str = Field(min_length=1, max_length=100, description="Number or id of the release.")
    kind: ExceptionKind = Field(description="fix: it repairs what used the budget up; override: let through by name.")
    reason: Reason


class BudgetExceptionResponse(BaseModel):
    id: UUID
    release_id: str
    kind: ExceptionKind
    actor: str
    reason: str
    at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, exception: BudgetException) -> "BudgetExceptionResponse":
        return cls(**asdict(exception))


class DailyScoreResponse(BaseModel):
    """The mean of one score on one day, with its 95 % interval. Strata are sampled at rates of their own."""

    day: date
    stratum: Stratum
    metric: ScoreName
    answers: int
    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, score: DailyScore) -> "DailyScoreResponse":
        return cls(**asdict(score))


class AlertRequest(BaseModel):
    """One alert, as Alertmanager sends it."""

    status: NoticeState
    labels: dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=2000)]] = Field(max_length=50)
    annotations: dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=2000)]] = Field(
        {}, max_length=50
    )
    startsAt: AwareDatetime
    fingerprint: str = Field(pattern=r"^[0-9a-f]{1,64}$")

    @property
    def notice(self) -> AlertNotice:
        runbook = self.annotations.get("runbook", "")
        name, summary = self.labels.get("alertname", "an alert"), self.annotations.get("summary", "")
        severity = self.labels.get("severity", "")
        return AlertNotice(self.fingerprint, self.status, self.startsAt, name, severity, summary, runbook)


class AlertsRequest(BaseModel):
    """The webhook of Alertmanager, version 4; what else it sends is not used."""

    alerts: list[AlertRequest] = Field(max_length=1000)


class AlertsResponse(BaseModel):
    sent: int = Field(description="Alerts that were put on their way to the person on call.")
    duplicates: int = Field(description="Those that were sent before, in the same state.")


class OutcomeRequest(ExactModel):
    outcome: str = Field(min_length=1, max_length=40, description="One of `outcomes` in policies/business.yaml.")
    amount: OutcomeAmount = Field(Decimal(1), description="For outcomes that are measured, such as minutes saved.")
    at: AwareDatetime | None = Field(None, description="When it happened; now, without it. It may be long ago.")


class OutcomeResponse(BaseModel):
    answer_id: UUID
    outcome: str
    amount: float
    at: datetime
    result: OutcomeResult = Field(description="superseded: a later one of this kind was stored already, and stays.")

    @classmethod
    def of(cls, outcome: StoredOutcome, result: OutcomeResult) -> "OutcomeResponse":
        return cls(**{**asdict(outcome), "amount": float(outcome.amount)}, result=result)


class IntervalResponse(BaseModel):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


class ReleaseWorthResponse(BaseModel):
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

    @classmethod
    def of(cls, worth: ReleaseWorth) -> "ReleaseWorthResponse":
        return cls(**asdict(worth), cost_per_settled_usd=worth.cost_per_settled_usd)


class OutcomeLinkResponse(BaseModel):
    """Whether outcomes go with a technical metric; the interval knows how many links were looked for."""

    metric: TechnicalMetric
    part: str = Field(description="all, or one release or model.")
    answers: int
    median: float
    difference: IntervalResponse = Field(description="Share of settled questions above the median, less that below.")
    found: bool = Field(description="Whether the interval excludes zero.")

    @classmethod
    def of(cls, link: OutcomeLink) -> "OutcomeLinkResponse":
        return cls(**asdict(link), found=link.found)


class BusinessReportResponse(BaseModel):
    since: datetime
    until: datetime
    complete: bool = Field(description="Whether all answers of the window are in it, and not only the newest.")
    total: ReleaseWorthResponse
    releases: list[ReleaseWorthResponse]
    outcomes: dict[str, int] = Field(description="How many were reported, by kind.")
    links: list[OutcomeLinkResponse]

    @classmethod
    def of(cls, report: BusinessReport) -> "BusinessReportResponse":
        return cls(
            since=report.since,
            until=report.until,
            complete=report.complete,
            total=ReleaseWorthResponse.of(report.total),
            releases=[ReleaseWorthResponse.of(each) for each in report.releases],
            outcomes=dict(report.outcomes),
            links=[OutcomeLinkResponse.of(each) for each in report.links],
        )
