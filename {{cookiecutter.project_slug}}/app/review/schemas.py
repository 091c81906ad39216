from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, Field

from app.core.base_models import ExactModel, ResponseModel
from app.core.json_types import Integer
from app.core.reasons import Reason
from app.core.text import LARGEST
from app.review.domain.items import (
    DecisionType,
    PastDecision,
    ReviewCursor,
    ReviewItem,
    ReviewKind,
    ReviewOutcome,
    ReviewState,
    SubmittedDecision,
)

FencingToken = Annotated[
    Integer, Field(ge=1, le=LARGEST, description="The fencing token from the response to your claim.")
]


class ReviewTokenRequest(ExactModel):
    token: FencingToken


class ReviewDecisionRequest(ExactModel):
    """A decision, with the token, version and SHA-256 that it is based on."""

    decision: DecisionType
    reason: Reason
    token: FencingToken
    version: Integer = Field(ge=1, le=LARGEST, description="The item's version as you read it.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="The payload's SHA-256 as you read it.")
    text: str | None = Field(
        None,
        max_length=20_000,
        description="With 'edit': the edited answer, or all arguments of the action as a JSON object.",
    )

    def submitted(self) -> SubmittedDecision:
        return SubmittedDecision(self.decision, self.reason, self.token, self.version, self.sha256, self.text)


class ReviewDecisionResponse(ResponseModel):
    id: UUID
    decision: DecisionType
    state: ReviewState
    outcome: ReviewOutcome | None
    version: int
    sha256: str


class PastDecisionResponse(BaseModel):
    at: datetime
    reviewer: str
    decision: DecisionType
    reason: str
    version: int
    sha256: str


class ReviewResponse(BaseModel):
    """An answer or an action under review. `sha256` is that of the bytes that are delivered or run."""

    id: UUID
    kind: ReviewKind
    answer_id: UUID
    action_id: UUID | None = Field(description="null when the answer itself is under review.")
    question: str
    rule: str
    timing: Literal["before", "after"]
    risk_tier: str
    version: int
    sha256: str
    state: ReviewState
    outcome: ReviewOutcome | None
    needed: int = Field(description="How many people must approve the same version.")
    level: int = Field(description="0; 1 once the escalation time has passed; 2 once a reviewer escalated it.")
    note: str = Field(description="Why changes were requested, or why it was escalated.")
    asker: str
    created_at: datetime
    due_at: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    token: int | None = Field(None, description="Your fencing token, in the response to a claim.")

    @classmethod
    def of(cls, item: ReviewItem, token: int | None = None) -> "ReviewResponse":
        return cls(**_fields(item), token=token)


class ReviewDetailResponse(ReviewResponse):
    answer: dict[str, Any] | None = Field(
        description="The answer as it would be delivered, with citations and findings; null for an action."
    )
    action: dict[str, Any] | None = Field(
        description="The action as it would run: its name, arguments, requester, release and nonce; null for an answer."
    )
    decisions: list[PastDecisionResponse]

    @classmethod
    def of_detail(
        cls, item: ReviewItem, decisions: Sequence[PastDecision], token: int | None = None
    ) -> "ReviewDetailResponse":
        past = [PastDecisionResponse.model_validate({**asdict(each), "sha256": each.digest}) for each in decisions]
        payload = orjson.loads(item.payload)
        answer, action = (None, payload) if item.kind == "action" else (payload, None)
        return cls(**_fields(item), token=token, answer=answer, action=action, decisions=past)


def _fields(item: ReviewItem) -> dict[str, Any]:
    own = ("id", "kind", "question", "rule", "timing", "risk_tier", "version", "state", "outcome", "needed", "level")
    fields = {name: getattr(item, name) for name in (*own, "note", "asker", "created_at", "due_at")}
    claimed = {"claimed_by": item.lease_by, "claimed_until": item.lease_until}
    answer_id, action_id = item.subject_id, None
    if item.kind == "action":
        answer_id, action_id = orjson.loads(item.payload)["answer_id"], item.subject_id
    return {**fields, **claimed, "answer_id": answer_id, "action_id": action_id, "sha256": item.digest}


class ReviewPageResponse(BaseModel):
    items: list[ReviewResponse]
    next: str | None

    @classmethod
    def of(cls, items: Sequence[ReviewItem], limit: int) -> "ReviewPageResponse":
        more = ReviewCursor(items[-1].due_at, items[-1].id).text() if len(items) == limit else None
        return cls(items=[ReviewResponse.of(item) for item in items], next=more)


class AgreementResponse(ResponseModel):
    """Agreement of two reviewers of the same answer who do not know of each other."""

    pairs: int = Field(description="Answers that two people reviewed.")
    agreed: int = Field(description="Of these, how many got the same outcome from both.")
    alpha: float | None = Field(description="Krippendorff's alpha: 1 is full agreement, 0 chance; null if too few.")
