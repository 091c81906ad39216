from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query
from fastapi.responses import HTMLResponse, Response

from app.core.http import provided
from app.core.openapi import JSON_OBJECT
from app.evaluation.schemas import CanaryStatusResponse, EvaluationPageResponse, EvaluationRequest, EvaluationResponse
from app.evaluation.service import CanaryMonitor, Evaluations
from app.evaluation.service.rendering import STYLE, as_html, as_markdown
from app.identity.domain import Principal
from app.identity.service.caller import require

router = APIRouter(tags=["evaluation"])

CanaryMonitorService = Annotated[CanaryMonitor, provided(CanaryMonitor)]
EvaluationsService = Annotated[Evaluations, provided(Evaluations)]
Evaluator = Annotated[Principal, require("releases:evaluate")]
EvaluationReader = Annotated[Principal, require("releases:read")]
OptionalBody = Annotated[EvaluationRequest, Body(default_factory=EvaluationRequest)]


@router.post("/v1/releases/{release_id}/evaluations", status_code=202)
async def evaluate(
    release_id: str, caller: Evaluator, evaluations: EvaluationsService, body: OptionalBody
) -> EvaluationResponse:
    """Queues an evaluation of a release against the one that is live in production."""
    return EvaluationResponse.of(await evaluations.start(caller.name, release_id, body.suite))


@router.get("/v1/evaluations")
async def list_evaluations(
    caller: EvaluationReader,
    evaluations: EvaluationsService,
    release_id: Annotated[str | None, Query(max_length=64)] = None,
    after: Annotated[UUID | None, Query(description="'next' of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> EvaluationPageResponse:
    """Evaluations, newest first, with their verdicts."""
    runs = await evaluations.list(limit, after, release_id)
    next_id = runs[-1].id if len(runs) == limit else None
    return EvaluationPageResponse(items=[EvaluationResponse.of(run) for run in runs], next=next_id)


@router.get("/v1/evaluations/{run_id}")
async def get_evaluation(run_id: UUID, caller: EvaluationReader, evaluations: EvaluationsService) -> EvaluationResponse:
    """One evaluation and its progress."""
    return EvaluationResponse.of(await evaluations.find(run_id))


@router.get("/v1/environments/production/canary")
async def get_canary_status(caller: EvaluationReader, canary_monitor: CanaryMonitorService) -> CanaryStatusResponse:
    """The running canary, evaluated on every answer since it started. Reading it changes nothing."""
    return CanaryStatusResponse.of(await canary_monitor.status())


@router.get("/v1/evaluations/{run_id}/report.json", response_class=Response, responses=JSON_OBJECT)
async def report_json(run_id: UUID, caller: EvaluationReader, evaluations: EvaluationsService) -> Response:
    """The canonical report: its SHA-256 is what an approval is bound to, unless a note says that cases are withheld."""
    return Response((await evaluations.report_visible_to(caller, run_id)).canonical, media_type="application/json")


@router.get(
    "/v1/evaluations/{run_id}/report.md", response_class=Response, responses={200: {"content": {"text/markdown": {}}}}
)
async def report_markdown(run_id: UUID, caller: EvaluationReader, evaluations: EvaluationsService) -> Response:
    """The report for a pull request."""
    return Response(as_markdown(await evaluations.report_visible_to(caller, run_id)), media_type="text/markdown")


@router.get("/v1/evaluations/{run_id}/report.html", response_class=HTMLResponse)
async def report_html(run_id: UUID, caller: EvaluationReader, evaluations: EvaluationsService) -> HTMLResponse:
    """The report as a page, with charts by metric and slice and the cases that got worse."""
    return HTMLResponse(as_html(await evaluations.report_visible_to(caller, run_id)), headers=STYLE.headers)
