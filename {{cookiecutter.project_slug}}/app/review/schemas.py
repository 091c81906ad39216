from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from app.core.reasons import Reason
from app.core.text import LARGEST
from app.review.domain.agreement import Agreement
from app.review.domain.items import (
    DecisionType,
    ReviewCursor,
    ReviewItem,
    ReviewKind,
    ReviewOutcome,
    ReviewState,
    SubmittedDecision,
)

FencingToken = Annotated[int, Field(ge=1, le=LARGEST, description="The fencing token that the claim gave.")]


class ReviewTokenRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: FencingToken


class ReviewDecisionRequest(BaseModel):
    """What you say, and what you saw when you said it."""

    model_config = ConfigDict(extra="forbid")

    decision: DecisionType
    reason: Reason
    token: FencingToken
    version: int = Field(ge=1, le=LARGEST, description="The item's version as you read it.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="The payload's SHA-256 as you read it.")
    text: str | None = Field(
        None,
        max_length=20_000,
        description="With 'edit': the answer in your words, or all arguments of the action as a JSON object.",
    )

    def verdict(self) -> SubmittedDecision:
        return SubmittedDecision(self.decision, self.reason, self.token, self.version, self.sha256, self.text)


class ReviewDecisionResponse(BaseModel):
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
    """An answer or an action that a person looks at. `sha256` is that of the very bytes that are delivered or run."""

    id: UUID
    kind: ReviewKind
    answer_id: UUID
    action_id: UUID | None = Field(description="null: it is about the answer itself.")
    question: str
    rule: str
    timing: Literal["before", "after"]
    risk_tier: str
    version: int
    sha256: str
    state: ReviewState
    outcome: ReviewOutcome | None
    needed: int = Field(description="How many people must approve the same text.")
    level: int = Field(description="0; 1 when the time to escalate came; 2 when it was handed up.")
    note: str = Field(description="Why changes were asked for, or why it was handed up.")
    asker: str
    created_at: datetime
    due_at: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    token: int | None = Field(None, description="Your fencing token, in the reply to a claim.")

    @classmethod
    def of(cls, item: ReviewItem, token: int | None = None) -> "ReviewResponse":
        return cls(**_shown(item), token=token)


class ReviewDetailResponse(ReviewResponse):
    answer: dict[str, Any] | None = Field(
        description="The answer as it would be delivered, with citations and findings; null for an action."
    )
    action: dict[str, Any] | None = Field(
        description="The action as it would run: its name, arguments, requester, release and nonce; null for an answer."
    )
    decisions: list[PastDecisionResponse]

    @classmethod
    def whole(cls, item: ReviewItem, decisions: Sequence[Row[Any]], token: int | None = None) -> "ReviewDetailResponse":
        past = [
            PastDecisionResponse(
                at=row.at,
                reviewer=row.reviewer,
                decision=row.decision,
                reason=row.reason,
                version=row.version,
                sha256=row.digest,
            )
            for row in decisions
        ]
        about = "action" if item.kind == "action" else "answer"
        told = {"answer": None, "action": None, about: orjson.loads(item.payload)}
        return cls(**_shown(item), token=token, **told, decisions=past)


def _shown(item: ReviewItem) -> dict[str, Any]:
    own = ("id", "kind", "question", "rule", "timing", "risk_tier", "version", "state", "outcome", "needed", "level")
    told = {name: getattr(item, name) for name in (*own, "note", "asker", "created_at", "due_at")}
    claimed = {"claimed_by": item.lease_by, "claimed_until": item.lease_until}
    answer_id, action_id = item.subject_id, None
    if item.kind == "action":
        answer_id, action_id = orjson.loads(item.payload)["answer_id"], item.subject_id
    return {**told, **claimed, "answer_id": answer_id, "action_id": action_id, "sha256": item.digest}


class ReviewPageResponse(BaseModel):
    items: list[ReviewResponse]
    next: str | None

    @classmethod
    def of(cls, items: Sequence[ReviewItem], limit: int) -> "ReviewPageResponse":
        more = ReviewCursor(items[-1].due_at, items[-1].id).text() if len(items) == limit else None
        return cls(items=[ReviewResponse.of(item) for item in items], next=more)


class AgreementResponse(BaseModel):
    """How far people agree who judged the same answer without knowing of each other."""

    pairs: int = Field(description="Answers that two people judged.")
    agreed: int = Field(description="Of these, how many both judged the same.")
    alpha: float | None = Field(description="Krippendorff's alpha: 1 full agreement, 0 chance; null while too little.")

    @classmethod
    def of(cls, found: Agreement) -> "AgreementResponse":
        return cls(pairs=found.pairs, agreed=found.agreed, alpha=found.alpha)
