from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.core.http import provided
from app.core.reasons import check_reason
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.monitoring.schemas.data_health_models import DataHealthResponse
from app.monitoring.schemas.traffic_models import (
    DailyScoreResponse,
    DriftResponse,
    FailureCandidatePageResponse,
    FailureCandidateResponse,
    FailureCasesRequest,
    FailurePatternPageResponse,
    FailurePatternResponse,
)
from app.monitoring.service import DataHealth, DriftAnalysis, FailureAnalysis, FailureCases
from app.monitoring.service.online_evaluation import OnlineEvaluations

router = APIRouter(tags=["monitoring"])

DataHealthService = Annotated[DataHealth, provided(DataHealth)]
DriftAnalysisService = Annotated[DriftAnalysis, provided(DriftAnalysis)]
FailureAnalysisService = Annotated[FailureAnalysis, provided(FailureAnalysis)]
FailureCasesService = Annotated[FailureCases, provided(FailureCases)]
CostReader = Annotated[Principal, require("costs:read")]
Scores = Annotated[OnlineEvaluations, provided(OnlineEvaluations)]
ScoreDays = Annotated[int, Query(ge=1, le=90)]
MonitoringReader = Annotated[Principal, require("monitoring:read")]
CaseProposer = Annotated[Principal, require("monitoring:propose")]
After = Annotated[UUID | None, Query(description="`next` of the previous page.")]


@router.get("/v1/monitoring/drift")
async def show_drift(caller: MonitoringReader, drift: DriftAnalysisService) -> DriftResponse:
    """How live traffic differs from the pinned reference, by signal, with answers that show it."""
    return DriftResponse.of(await drift.report(caller))


@router.get("/v1/monitoring/data-health")
async def show_data_health(caller: MonitoringReader, health: DataHealthService) -> DataHealthResponse:
    """Whether documents of the caller's tenant arrive and are found as usual, by signal, with documents that show what
    is not."""
    return DataHealthResponse.of(await health.report(caller))


@router.get("/v1/monitoring/failure-patterns")
async def list_failure_patterns(
    caller: MonitoringReader,
    failures: FailureAnalysisService,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> FailurePatternPageResponse:
    """Patterns of failures that the worker found last, the worst first. Terms and examples show what you may read."""
    page = await failures.page(caller, after, limit)
    next_id = page.patterns[-1].stored.id if len(page.patterns) == limit else None
    items = [FailurePatternResponse.of(each) for each in page.patterns]
    return FailurePatternPageResponse(looked_at=page.looked_at, items=items, next=next_id)


@router.post("/v1/monitoring/failure-patterns/{pattern_id}/cases")
async def propose_cases(
    pattern_id: UUID, body: FailureCasesRequest, caller: CaseProposer, cases: FailureCasesService
) -> FailureCandidatePageResponse:
    """Proposes the most typical questions of a pattern as evaluation cases; the same question once. Idempotent."""
    found = await cases.propose(caller, pattern_id, body.count, check_reason(body.reason))
    return FailureCandidatePageResponse(items=[FailureCandidateResponse.of(each) for each in found], next=None)


@router.get("/v1/monitoring/case-candidates")
async def list_case_candidates(
    caller: MonitoringReader,
    cases: FailureCasesService,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> FailureCandidatePageResponse:
    """Failed questions that are proposed as evaluation cases, the newest first."""
    found, next_id = await cases.candidates(caller, after, limit)
    return FailureCandidatePageResponse(items=[FailureCandidateResponse.of(each) for each in found], next=next_id)


@router.get("/v1/monitoring/scores")
async def daily_scores(caller: CostReader, scores: Scores, days: ScoreDays = 14) -> list[DailyScoreResponse]:
    """Scores of a sample of the answers of the caller's tenant in production, by day, stratum and metric, the oldest
    first."""
    return [DailyScoreResponse.model_validate(each) for each in await scores.daily(caller, days)]
