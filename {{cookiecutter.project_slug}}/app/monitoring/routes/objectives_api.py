from typing import Annotated

from fastapi import APIRouter

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.monitoring.schemas.objective_models import (
    AlertsRequest,
    AlertsResponse,
    BudgetExceptionRequest,
    BudgetExceptionResponse,
    ErrorBudgetsResponse,
)
from app.monitoring.service.alerting import AlertNotices
from app.monitoring.service.error_budgets import PERMISSION, ErrorBudgets

router = APIRouter(tags=["monitoring"])

GovernanceReader = Annotated[Principal, require("governance:read")]
Approver = Annotated[Principal, require(PERMISSION)]
AlertSource = Annotated[Principal, require("service:alerts")]
Budgets = Annotated[ErrorBudgets, provided(ErrorBudgets)]
Notices = Annotated[AlertNotices, provided(AlertNotices)]


@router.get("/v1/monitoring/error-budgets")
async def error_budgets(_: GovernanceReader, budgets: Budgets) -> ErrorBudgetsResponse:
    """What was used of the error budget of each objective, of all tenants in production, and whether that stops
    releases."""
    slo = budgets.slo
    return ErrorBudgetsResponse.of(await budgets.current(), slo.objectives.window_days, slo.error_budget.freeze_on)


@router.post("/v1/monitoring/error-budgets/exceptions", status_code=201)
async def allow_release(body: BudgetExceptionRequest, caller: Approver, budgets: Budgets) -> BudgetExceptionResponse:
    """Lets a release go live although an error budget is spent: a fix, or by name. Nobody exempts what they made
    themselves. Audited."""
    return BudgetExceptionResponse.model_validate(await budgets.allow(caller, body.release, body.kind, body.reason))


@router.post("/v1/monitoring/alerts")
async def take_alerts(body: AlertsRequest, caller: AlertSource, notices: Notices) -> AlertsResponse:
    """Takes the webhook of Alertmanager and sends each alert to the person on call, signed by the calling key. The same
    alert in the same state is sent once."""
    sent, duplicates = await notices.take(caller, [each.notice for each in body.alerts])
    return AlertsResponse(sent=sent, duplicates=duplicates)
