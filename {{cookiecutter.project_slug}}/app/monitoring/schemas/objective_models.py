from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.base_models import ExactModel, ResponseModel
from app.core.objectives import Objectives
from app.core.reasons import Reason
from app.core.times import Moment
from app.monitoring.domain.alert_notices import AlertNotice, NoticeState
from app.monitoring.domain.error_budget import ErrorBudget, ErrorBudgetState, ExceptionKind


class ErrorBudgetResponse(BaseModel):
    objective: str = Field(description="The field of `objectives` in policies/slo.yaml.")
    meaning: str = Field(description="Which events must go well.")
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
            meaning=Objectives.model_fields[budget.objective].description or "",
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


class BudgetExceptionResponse(ResponseModel):
    id: UUID
    release_id: str
    kind: ExceptionKind
    actor: str
    reason: str
    at: datetime
    expires_at: datetime


class AlertRequest(BaseModel):
    """One alert, as Alertmanager sends it."""

    status: NoticeState
    labels: dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=2000)]] = Field(max_length=50)
    annotations: dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=2000)]] = Field(
        {}, max_length=50
    )
    startsAt: Moment
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
