"""Answers in human review: held, delivered or rejected."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.actions.domain import ReviewTiming
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.json_types import JsonObject
from app.core.ownership import RiskTier
from app.identity.domain import Principal
from app.inference.domain.answer import Answer, RequestWarning
from app.inference.domain.review_policy import Rule
from app.releases.domain import digest_of
from app.webhooks.domain import WebhookMessage

ReviewedAnswerState = Literal["held", "delivered", "rejected"]
HeldAnswerEnd = Literal["delivered", "rejected"]
ReviewDecision = Literal["approved", "edited", "rejected"]
"""A reviewer's decision, before or after the answer was delivered."""

REVIEW_JOB, REVIEW_QUEUE = "review.add_answer", "review"
"""The job that is enqueued with each answer for review; app.review handles it."""


class AnswerHeld(Conflict):
    code, title = "answer_held", "The answer waits for review or was rejected"
    action = "GET /v1/answers/{answer_id} shows its state."


class JudgedTwice(Conflict):
    code, title = "judged_twice", "Two reviewers judge this answer independently"
    action = "Reviewers other than the asker see it once both have decided."


class PayloadChanged(Conflict):
    code, title = "payload_changed", "The text has changed since you read it"
    action = "Read the item again, then decide on its present content."


def answer_path(answer_id: UUID) -> str:
    return f"/v1/answers/{answer_id}"


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asked, and the webhook that is notified of the decision."""

    tenant_id: UUID
    key_id: UUID
    url: str | None

    def notice(self, url: str, answer_id: UUID, state: HeldAnswerEnd, at: datetime) -> WebhookMessage:
        return WebhookMessage(
            new_id(), self.tenant_id, self.key_id, url, "answer", answer_id, state, answer_path(answer_id), at
        )


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """What the asker gets in place of an answer that is held for review."""

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

    def as_dict(self) -> JsonObject:
        warned = {"warnings": [each.as_dict() for each in self.warnings]} if self.warnings else {}
        return {
            "id": str(self.id),
            "created_at": self.created_at.isoformat(),
            "status": "held",
            "where": self.where,
            "due_at": self.due_at.isoformat(),
            "release_id": self.release_id,
            "trace_id": self.trace_id,
            "environment": self.environment,
            **warned,
        }


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """Sends an answer to human review. payload: the answer's canonical bytes, exactly as they are to be delivered.

    webhook: the address that is notified of the decision. id: of the review item that the queue will have.
    """

    rule: Rule
    risk_tier: RiskTier
    overlap: float
    created_at: datetime
    payload: bytes
    webhook: str | None = None
    id: UUID = field(default_factory=new_id)

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
        provenance = (answer.release_id, answer.trace_id, answer.environment, answer.warnings)
        return HeldAnswer(answer.id, answer.created_at, self.due_at, *provenance)


def is_hidden_from(caller: Principal, blind: bool | None, asker_key: UUID | None, asker: str | None) -> bool:
    """Whether the first decision on an answer that two people judge must not be seen by this caller."""
    is_asker = caller.key_id == asker_key or caller.name == asker
    return bool(blind) and caller.may("reviews:decide") and not is_asker


@dataclass(frozen=True, slots=True)
class DeliveredAnswer:
    """A stored answer without a review. groups: the access groups that its question was asked with."""

    tenant_id: UUID
    answer_id: UUID
    key_id: UUID
    groups: tuple[str, ...]
    body: JsonObject


@dataclass(frozen=True, slots=True)
class ArchivedAnswer:
    """A stored answer with its review. state: None without a review; then the fields after it are None too.

    body: the answer as it was generated. payload: as it was or is to be delivered. blind: a second reviewer must not
    see the first decision.
    """

    id: UUID
    created_at: datetime
    question: str
    model: str
    body: JsonObject
    conditions: JsonObject
    release_id: str
    corpus_version: int
    trace_id: str
    environment: str
    state: ReviewedAnswerState | None
    timing: ReviewTiming | None
    due_at: datetime | None
    decided_at: datetime | None
    edited: bool | None
    payload: bytes | None
    digest: str | None
    outcome: ReviewDecision | None
    reason: str | None
    blind: bool | None
    asker_key: UUID | None
    asker: str | None

    @property
    def text(self) -> str:
        """As it was generated."""
        return str(self.body["text"])

    @property
    def previous(self) -> UUID | None:
        """The answer that its question continues."""
        stored = self.conditions.get("previous")
        return UUID(str(stored)) if stored else None


@dataclass(frozen=True, slots=True)
class ReviewedAnswer:
    """An answer in human review, in its current state. payload: what is to be delivered, or was delivered, or what the
    reviewer would have answered instead.

    groups: the asker's access groups. documents: those that a reviewer must be allowed to read.
    review_id: of its item in the queue; None for one that an older version of the service stored.
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
    review_id: UUID | None = None
