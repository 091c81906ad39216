"""An answer that waits for a person, and what becomes of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.ownership import RiskTier
from app.inference.domain.answer import Answer, RequestWarning
from app.inference.domain.human_review.policy import ReviewTiming, Rule
from app.releases.domain import digest_of
from app.webhooks.domain import WebhookMessage

ReviewedAnswerState = Literal["held", "delivered", "rejected"]
HeldAnswerEnd = Literal["delivered", "rejected"]
ReviewDecision = Literal["approved", "edited", "rejected"]
"""What a person made of an answer, whether or not it had left by then."""

REVIEW_JOB, REVIEW_QUEUE = "review.add_answer", "review"
"""What is enqueued with every answer that a person is to look at; whoever reviews takes it up."""


class AnswerHeld(Conflict):
    code, title = "answer_held", "The answer waits for a person's decision, or was refused by one"
    action = "GET /v1/answers/{answer_id} says what became of it."


class JudgedTwice(Conflict):
    code, title = "judged_twice", "Two people judge this answer, and the second must not learn of the first"
    action = "Reviewers other than the asker see it when both have decided."


class PayloadChanged(Conflict):
    code, title = "payload_changed", "The text is not the one that was seen"
    action = "Read the item again, then decide on what it says now."


def answer_path(answer_id: UUID) -> str:
    return f"/v1/answers/{answer_id}"


@dataclass(frozen=True, slots=True)
class Requester:
    """Who is told that a held answer was decided."""

    tenant_id: UUID
    key_id: UUID
    url: str | None

    def notice(self, url: str, answer_id: UUID, state: HeldAnswerEnd, at: datetime) -> WebhookMessage:
        return WebhookMessage(
            new_id(), self.tenant_id, self.key_id, url, "answer", answer_id, state, answer_path(answer_id), at
        )


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """What the asker gets instead of an answer that is held."""

    id: UUID
    created_at: datetime
    due_at: datetime
    release_id: str
    trace_id: str
    environment: str
    warnings: tuple[RequestWarning, ...] = ()

    @property
    def where(self) -> str:
        return answer_path(self.id)

    def as_dict(self) -> dict[str, Any]:
        warned = {"warnings": [each.as_dict() for each in self.warnings]} if self.warnings else {}
        return {
            "id": self.id,
            "created_at": self.created_at,
            "status": "held",
            "where": self.where,
            "due_at": self.due_at,
            "release_id": self.release_id,
            "trace_id": self.trace_id,
            "environment": self.environment,
            **warned,
        }


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """An answer's way to a person. payload: the answer's canonical bytes, the very ones to be delivered.

    webhook: where the asker wants to be told of the decision.
    """

    rule: Rule
    risk_tier: RiskTier
    overlap: float
    created_at: datetime
    payload: bytes
    webhook: str | None = None

    @property
    def state(self) -> ReviewedAnswerState:
        return "held" if self.rule.send == "before" else "delivered"

    @property
    def due_at(self) -> datetime:
        return self.rule.due(self.created_at)

    @property
    def escalate_at(self) -> datetime | None:
        return self.rule.escalates(self.created_at)

    @property
    def self_approval(self) -> bool:
        return self.rule.lets_asker_decide(self.risk_tier)

    @property
    def digest(self) -> str:
        return digest_of(self.payload)

    def held_answer_for(self, answer: Answer) -> HeldAnswer:
        known = (answer.release_id, answer.trace_id, answer.environment, answer.warnings)
        return HeldAnswer(answer.id, answer.created_at, self.due_at, *known)


@dataclass(frozen=True, slots=True)
class ReviewedAnswer:
    """An answer that was sent to a person, as it stands. payload: the answer; what is to be delivered, or was, or
    what a person would have said in its place.

    groups: those that it was asked for. documents: those that whoever looks at it must be able to read.
    """

    answer_id: UUID
    question: str
    rule: str
    timing: ReviewTiming
    state: ReviewedAnswerState
    risk_tier: str
    created_at: datetime
    due_at: datetime
    escalate_at: datetime | None
    decisions: int
    self_approval: bool
    asker_key: UUID
    asker: str
    groups: tuple[str, ...]
    overlap: float
    payload: bytes
    digest: str
    documents: tuple[UUID, ...] = ()
