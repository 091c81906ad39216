from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.core.http import provided
from app.core.text import LARGEST
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.inference.domain.answer import AnswerStatus, RefusalReason
from app.inference.domain.answer_listing import AnswerFilters, AnswerPosition, Feedback
from app.inference.schemas import AnswerPageResponse
from app.inference.service import AnswerListing

router = APIRouter(tags=["answers"])

Watcher = Annotated[Principal, require("answers:list")]
Listing = Annotated[AnswerListing, provided(AnswerListing)]
AnswerFilterText = Annotated[str | None, Query(min_length=1, max_length=200)]
Moment = Annotated[datetime | None, Query(description="As 2026-01-31T09:00:00Z; without a time zone in UTC.")]
MicroUsd = Annotated[int | None, Query(ge=0, le=LARGEST)]
Milliseconds = Annotated[float | None, Query(ge=0, le=1e9)]


@router.get("/v1/answers")
async def list_answers(
    caller: Watcher,
    listing: Listing,
    since: Moment = None,
    until: Moment = None,
    release: AnswerFilterText = None,
    environment: AnswerFilterText = None,
    arm: AnswerFilterText = None,
    status: Annotated[AnswerStatus | None, Query()] = None,
    reason: Annotated[RefusalReason | None, Query(description="Why it was refused.")] = None,
    model: AnswerFilterText = None,
    degraded: bool | None = None,
    findings: Annotated[bool | None, Query(description="Whether there were findings.")] = None,
    feedback: Annotated[Feedback | None, Query(description="The newest of any key.")] = None,
    min_cost_micro_usd: MicroUsd = None,
    max_cost_micro_usd: MicroUsd = None,
    min_latency_ms: Milliseconds = None,
    max_latency_ms: Milliseconds = None,
    key_id: UUID | None = None,
    trace_id: AnswerFilterText = None,
    request_id: AnswerFilterText = None,
    tenant: Annotated[str | None, Query(max_length=200, description="Name of a tenant; for the role service.")] = None,
    after: Annotated[str | None, Query(max_length=200, description="`next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AnswerPageResponse:
    """Answers, the newest first: those of the caller's tenant, with the role service those of all tenants. Their texts
    only for who may read their documents now; the role service sees none."""
    filters = AnswerFilters(
        since=_with_zone(since),
        until=_with_zone(until),
        release_id=release,
        environment=environment,
        arm=arm,
        status=status,
        reason=reason,
        model=model,
        degraded=degraded,
        findings=findings,
        feedback=feedback,
        min_cost_micro_usd=min_cost_micro_usd,
        max_cost_micro_usd=max_cost_micro_usd,
        min_latency_ms=min_latency_ms,
        max_latency_ms=max_latency_ms,
        key_id=key_id,
        trace_id=trace_id,
        request_id=request_id,
    )
    position = AnswerPosition.parse(after) if after else None
    return AnswerPageResponse.of(await listing.page(caller, filters, position, limit, tenant))


def _with_zone(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
