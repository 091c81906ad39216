from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.monitoring.domain.outcomes import OutcomeReport
from app.monitoring.schemas.error_budget_models import (
    AlertsRequest,
    AlertsResponse,
    BudgetExceptionRequest,
    BudgetExceptionResponse,
    BusinessReportResponse,
    DailyScoreResponse,
    ErrorBudgetsResponse,
    OutcomeRequest,
    OutcomeResponse,
)
from app.monitoring.service.alerting import AlertNotices
from app.monitoring.service.business import Business
from app.monitoring.service.business_page import STYLE, business_page
from app.monitoring.service.error_budgets import PERMISSION, ErrorBudgets
from app.monitoring.service.online_evaluation import OnlineEvaluations

router = APIRouter(tags=["monitoring"])

GovernanceReader = Annotated[Principal, require("governance:read")]
Approver = Annotated[Principal, require(PERMISSION)]
Reporter = Annotated[Principal, require("outcomes:write")]
CostReader = Annotated[Principal, require("costs:read")]
Value = Annotated[Business, provided(Business)]
Scores = Annotated[OnlineEvaluations, provided(OnlineEvaluations)]
AlertSource = Annotated[Principal, require("service:alerts")]
Notices = Annotated[AlertNotices, provided(AlertNotices)]
ScoreDays = Annotated[int, Query(ge=1, le=90)]
Days = Annotated[int | None, Query(ge=1, le=365, description="The window; without it that of policies/business.yaml.")]
Budgets = Annotated[ErrorBudgets, provided(ErrorBudgets)]


@router.get("/v1/monitoring/error-budgets")
async def error_budgets(_: GovernanceReader, budgets: Budgets) -> ErrorBudgetsResponse:
    """What was used of the error budget of each objective, of all tenants in production, and whether that stops
    releases."""
    slo = budgets.slo
    return ErrorBudgetsResponse.of(await budgets.standing(), slo.objectives.window_days, slo.error_budget.freeze_on)


@router.post("/v1/monitoring/error-budgets/exceptions", status_code=201)
async def allow_release(body: BudgetExceptionRequest, caller: Approver, budgets: Budgets) -> BudgetExceptionResponse:
    """Lets a release go live although an error budget is spent: a fix, or by name. Nobody exempts what they made
    themselves. Audited."""
    return BudgetExceptionResponse.of(await budgets.allow(caller, body.release, body.kind, body.reason))


@router.post("/v1/answers/{answer_id}/outcome")
async def report_outcome(answer_id: UUID, body: OutcomeRequest, caller: Reporter, business: Value) -> OutcomeResponse:
    """Says what came of an answer for the business. The same again changes nothing; of one kind the latest counts, in
    whatever order they arrive."""
    report = OutcomeReport(answer_id, body.outcome, body.amount, body.at)
    return OutcomeResponse.of(*await business.record(caller, report))


@router.get("/v1/monitoring/business")
async def business_value(caller: CostReader, business: Value, days: Days = None) -> BusinessReportResponse:
    """What the answers of the caller's tenant were worth, by release with intervals, and whether that goes with latency
    or groundedness."""
    return BusinessReportResponse.of(await business.report(caller, days))


@router.get("/v1/monitoring/business.html")
async def business_value_page(caller: CostReader, business: Value, days: Days = None) -> HTMLResponse:
    """The same as an HTML page, which loads nothing from other hosts."""
    return HTMLResponse(business_page(await business.report(caller, days)), headers=STYLE.headers)


@router.get("/v1/monitoring/scores")
async def daily_scores(caller: CostReader, scores: Scores, days: ScoreDays = 14) -> list[DailyScoreResponse]:
    """Scores of a sample of the answers of the caller's tenant in production, by day, stratum and metric, the oldest
    first."""
    return [DailyScoreResponse.of(each) for each in await scores.daily(caller, days)]


@router.post("/v1/monitoring/alerts")
async def take_alerts(body: AlertsRequest, caller: AlertSource, notices: Notices) -> AlertsResponse:
    """Takes the webhook of Alertmanager and sends each alert to the person on call, signed by the calling key. The same
    alert in the same state is sent once."""
    sent, duplicates = await notices.take(caller, [each.notice for each in body.alerts])
    return AlertsResponse(sent=sent, duplicates=duplicates)
