from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.monitoring.domain.outcomes import OutcomeReport
from app.monitoring.schemas.business_models import BusinessReportResponse, OutcomeRequest, OutcomeResponse
from app.monitoring.service.business import Business
from app.monitoring.service.business_page import STYLE, business_page

router = APIRouter(tags=["monitoring"])

Reporter = Annotated[Principal, require("outcomes:write")]
CostReader = Annotated[Principal, require("costs:read")]
Value = Annotated[Business, provided(Business)]
Days = Annotated[int | None, Query(ge=1, le=365, description="The window; without it that of policies/business.yaml.")]


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
    return BusinessReportResponse.model_validate(await business.report(caller, days))


@router.get("/v1/monitoring/business.html", response_class=HTMLResponse)
async def business_value_page(caller: CostReader, business: Value, days: Days = None) -> HTMLResponse:
    """The same as an HTML page, which loads nothing from other hosts."""
    return HTMLResponse(business_page(await business.report(caller, days)), headers=STYLE.headers)
