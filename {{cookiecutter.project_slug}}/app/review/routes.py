from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query

from app.core.cursors import CursorText
from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.review.domain.items import ReviewCursor
from app.review.repository import ReviewFilters
from app.review.schemas import (
    AgreementResponse,
    ReviewDecisionRequest,
    ReviewDecisionResponse,
    ReviewDetailResponse,
    ReviewPageResponse,
    ReviewResponse,
    ReviewTokenRequest,
)
from app.review.service import ReviewDecisions, ReviewQueue

router = APIRouter(tags=["review"])

ReviewQueueService = Annotated[ReviewQueue, provided(ReviewQueue)]
ReviewDecisionsService = Annotated[ReviewDecisions, provided(ReviewDecisions)]
ReviewReader = Annotated[Principal, require("reviews:read")]
Reviewer = Annotated[Principal, require("reviews:decide")]
FilterText = Annotated[str | None, Query(max_length=100)]


@router.get("/v1/reviews")
async def list_reviews(
    caller: ReviewReader,
    queue: ReviewQueueService,
    state: Annotated[Literal["open", "decided", "expired"] | None, Query()] = "open",
    rule: FilterText = None,
    kind: Annotated[Literal["answer", "overlap", "action"] | None, Query()] = None,
    timing: Annotated[Literal["before", "after"] | None, Query()] = None,
    risk_tier: Annotated[Literal["low", "medium", "high"] | None, Query()] = None,
    level: Annotated[int | None, Query(ge=0, le=2)] = None,
    free: Annotated[bool, Query(description="Only items that nobody has claimed.")] = False,
    after: Annotated[CursorText | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ReviewPageResponse:
    """Review items whose documents the caller may read, the earliest due first."""
    filters = ReviewFilters(state, rule, kind, timing, risk_tier, level, free)
    cursor = ReviewCursor.parse(after) if after else None
    return ReviewPageResponse.of(await queue.list(caller, filters, cursor, limit), limit)


@router.get("/v1/reviews/agreement")
async def show_agreement(caller: ReviewReader, queue: ReviewQueueService) -> AgreementResponse:
    """Agreement of reviewers on the answers that two of them reviewed blindly."""
    return AgreementResponse.model_validate(await queue.agreement(caller))


@router.get("/v1/reviews/{review_id}")
async def show_review(review_id: UUID, caller: ReviewReader, queue: ReviewQueueService) -> ReviewDetailResponse:
    """One item with the answer as it would be delivered or the action as it would run, and the decisions so far."""
    return ReviewDetailResponse.of_detail(*await queue.show(caller, review_id))


@router.post("/v1/reviews/{review_id}/claim")
async def claim(review_id: UUID, caller: Reviewer, queue: ReviewQueueService) -> ReviewDetailResponse:
    """Leases the item to you. A decision needs its `token`, which a later claim makes invalid."""
    item = await queue.claim(caller, review_id)
    return ReviewDetailResponse.of_detail(item, (await queue.show(caller, review_id))[1], item.fence)


@router.post("/v1/reviews/{review_id}/heartbeat")
async def heartbeat(
    review_id: UUID, body: ReviewTokenRequest, caller: Reviewer, queue: ReviewQueueService
) -> ReviewResponse:
    """Extends your lease."""
    return ReviewResponse.of(await queue.heartbeat(caller, review_id, body.token), body.token)


@router.post("/v1/reviews/{review_id}/release")
async def release(
    review_id: UUID, body: ReviewTokenRequest, caller: Reviewer, queue: ReviewQueueService
) -> ReviewResponse:
    """Ends your lease without a decision."""
    return ReviewResponse.of(await queue.release(caller, review_id, body.token))


@router.post("/v1/reviews/{review_id}/decide")
async def decide(
    review_id: UUID,
    body: ReviewDecisionRequest,
    caller: Reviewer,
    decisions: ReviewDecisionsService,
    idempotency_key: Annotated[str | None, Header(description="Makes it safe to repeat the request.")] = None,
) -> ReviewDecisionResponse:
    """Approve, edit, reject, request changes or escalate. A token, version or SHA-256 that is not the newest gives
    409."""
    result = await decisions.decide(caller, review_id, body.submitted(), idempotency_key)
    return ReviewDecisionResponse.model_validate(result)
