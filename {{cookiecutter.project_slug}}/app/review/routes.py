from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service import require
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
from app.review.service import Reviews

router = APIRouter(tags=["review"])

ReviewsService = Annotated[Reviews, provided(Reviews)]
ReviewReader = Annotated[Principal, require("reviews:read")]
Reviewer = Annotated[Principal, require("reviews:decide")]
FilterText = Annotated[str | None, Query(max_length=100)]


@router.get("/v1/reviews")
async def list_reviews(
    caller: ReviewReader,
    room: ReviewsService,
    state: Annotated[Literal["open", "decided", "expired"] | None, Query()] = "open",
    rule: FilterText = None,
    kind: Annotated[Literal["answer", "overlap", "action"] | None, Query()] = None,
    timing: Annotated[Literal["before", "after"] | None, Query()] = None,
    risk_tier: Annotated[Literal["low", "medium", "high"] | None, Query()] = None,
    level: Annotated[int | None, Query(ge=0, le=2)] = None,
    free: Annotated[bool, Query(description="Only what nobody has claimed.")] = False,
    after: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ReviewPageResponse:
    """What waits for a person, the earliest due first; of it, what the caller may read the documents of."""
    filters = ReviewFilters(state, rule, kind, timing, risk_tier, level, free)
    place = ReviewCursor.parse(after) if after else None
    return ReviewPageResponse.of(await room.list(caller, filters, place, limit), limit)


@router.get("/v1/reviews/agreement")
async def show_agreement(caller: ReviewReader, room: ReviewsService) -> AgreementResponse:
    """How far reviewers agree, by the answers that two of them judged blindly."""
    return AgreementResponse.of(await room.agreement(caller))


@router.get("/v1/reviews/{review_id}")
async def show_review(review_id: UUID, caller: ReviewReader, room: ReviewsService) -> ReviewDetailResponse:
    """One item with the answer as it would be delivered, or the action as it would run, and what was decided so far."""
    return ReviewDetailResponse.whole(*await room.show(caller, review_id))


@router.post("/v1/reviews/{review_id}/claim")
async def claim(review_id: UUID, caller: Reviewer, room: ReviewsService) -> ReviewDetailResponse:
    """Makes the item yours until the lease ends. Its `token` decides; a later claim makes it worthless."""
    item = await room.claim(caller, review_id)
    return ReviewDetailResponse.whole(item, (await room.show(caller, review_id))[1], item.fence)


@router.post("/v1/reviews/{review_id}/heartbeat")
async def heartbeat(
    review_id: UUID, body: ReviewTokenRequest, caller: Reviewer, room: ReviewsService
) -> ReviewResponse:
    """Begins your lease anew."""
    return ReviewResponse.of(await room.heartbeat(caller, review_id, body.token), body.token)


@router.post("/v1/reviews/{review_id}/release")
async def release(review_id: UUID, body: ReviewTokenRequest, caller: Reviewer, room: ReviewsService) -> ReviewResponse:
    """Gives the item back undecided."""
    return ReviewResponse.of(await room.release(caller, review_id, body.token))


@router.post("/v1/reviews/{review_id}/decide")
async def decide(
    review_id: UUID,
    body: ReviewDecisionRequest,
    caller: Reviewer,
    room: ReviewsService,
    idempotency_key: Annotated[str | None, Header(description="Makes it safe to send the decision again.")] = None,
) -> ReviewDecisionResponse:
    """Approve, edit, reject, request changes or escalate. It needs the newest token, the version and the SHA-256 that
    you saw; else 409."""
    return ReviewDecisionResponse.model_validate(await room.decide(caller, review_id, body.verdict(), idempotency_key))
