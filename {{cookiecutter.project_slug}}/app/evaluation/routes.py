from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query
from fastapi.responses import Response

from app.core.http import provided
from app.evaluation.schemas import CanaryLook, EvaluationPage, EvaluationRequest, EvaluationShown
from app.evaluation.service import Canaries, Evaluations
from app.evaluation.service.rendering import as_html, as_markdown
from app.identity.domain import Principal
from app.identity.service import require

router = APIRouter(tags=["evaluation"])

Watch = Annotated[Canaries, provided(Canaries)]
Room = Annotated[Evaluations, provided(Evaluations)]
Evaluator = Annotated[Principal, require("releases:evaluate")]
Reader = Annotated[Principal, require("releases:read")]
Wish = Annotated[EvaluationRequest, Body(default_factory=EvaluationRequest)]


@router.post("/v1/releases/{release_id}/evaluations", status_code=202)
async def evaluate(release_id: str, caller: Evaluator, room: Room, body: Wish) -> EvaluationShown:
    """Has a worker measure a release against the one that is live in production."""
    return EvaluationShown.of(await room.start(caller.name, release_id, body.suite))


@router.get("/v1/evaluations")
async def list_evaluations(
    caller: Reader,
    room: Room,
    release_id: Annotated[str | None, Query(max_length=64)] = None,
    after: Annotated[UUID | None, Query(description="'next' of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> EvaluationPage:
    """Evaluations, newest first, with their verdicts."""
    rows = await room.list(limit, after, release_id)
    following = rows[-1].id if len(rows) == limit else None
    return EvaluationPage(items=[EvaluationShown.of(row) for row in rows], next=following)


@router.get("/v1/evaluations/{run_id}")
async def get_evaluation(run_id: UUID, caller: Reader, room: Room) -> EvaluationShown:
    """One evaluation and how far it is."""
    return EvaluationShown.of(await room.find(run_id))


@router.get("/v1/environments/production/canary")
async def look_at_canary(caller: Reader, canaries: Watch) -> CanaryLook:
    """The canary that runs, judged by every answer since it began; judging it here changes nothing."""
    return CanaryLook.of(await canaries.look())


@router.get("/v1/evaluations/{run_id}/report.json", response_class=Response)
async def report_json(run_id: UUID, caller: Reader, room: Room) -> Response:
    """The canonical report: its SHA-256 is what an approval is bound to, unless a note says that cases are withheld."""
    return Response((await room.report_seen_by(caller, run_id)).canonical, media_type="application/json")


@router.get("/v1/evaluations/{run_id}/report.md", response_class=Response)
async def report_markdown(run_id: UUID, caller: Reader, room: Room) -> Response:
    """The report for a pull request."""
    return Response(as_markdown(await room.report_seen_by(caller, run_id)), media_type="text/markdown")


@router.get("/v1/evaluations/{run_id}/report.html", response_class=Response)
async def report_html(run_id: UUID, caller: Reader, room: Room) -> Response:
    """The report as a page, with charts by metric and slice and the cases that got worse."""
    return Response(as_html(await room.report_seen_by(caller, run_id)), media_type="text/html")
