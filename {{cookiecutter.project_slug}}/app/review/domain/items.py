"""Review items: their states, who may claim and decide, and what a decision needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.core.cursors import PageCursor
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.identity.domain import Principal
from app.inference.domain.human_review import PayloadChanged

ReviewKind = Literal["answer", "overlap", "action"]
"""overlap: the second, blind review of an answer; it changes nothing but the reported agreement."""
ReviewState = Literal["open", "decided", "expired"]
DecisionType = Literal["approve", "edit", "reject", "request_changes", "escalate"]
ReviewOutcome = Literal["approved", "edited", "rejected", "denied"]

OVERDUE, ESCALATED = 1, 2
"""Levels above 0: the escalation time has passed, or a reviewer escalated it."""
ESCALATED_PERMISSION = "reviews:escalated"


class ReviewNotFound(NotFound):
    code, title = "review_not_found", "No such review item"


class ReviewClosed(Conflict):
    code, title = "review_closed", "The item has been decided or has expired"
    action = "Fetch it again to see the outcome; no decision is possible any more."


class ReviewAlreadyClaimed(Conflict):
    code, title = "review_taken", "Another reviewer has claimed the item"
    action = "Claim another item; this one is free again when the lease ends."


class LeaseLost(Conflict):
    code, title = "review_lease_lost", "Your lease on the item has ended"
    action = "Claim it again and read it again before you decide."


class ReviewChanged(Conflict):
    code, title = "review_changed", "The item has changed since it was read"
    action = "Read it again, then decide on what it says now."


class SelfReview(Forbidden):
    code, title = "review_self_approval", "Nobody may decide on the result of their own question"
    action = "Let another reviewer decide."


class AlreadyReviewed(Forbidden):
    code, title = "review_judged_already", "You have decided on this already; another reviewer is needed"
    action = "Leave it to another reviewer."


class ReviewEscalated(Forbidden):
    code, title = "review_escalated", "The item is escalated"
    action = f"Use a key with the permission {ESCALATED_PERMISSION}."


class BlindDecisionRefused(Invalid):
    code, title = "review_blind", "A blind review can only approve, edit or reject"


class InvalidReviewCursor(Invalid):
    code, title = "review_cursor_unreadable", "The cursor cannot be read"


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """payload: the canonical bytes that are delivered or run; `digest` is their SHA-256.

    fence: the fencing token; it grows with every claim and only the newest value may decide. version: grows when the
    payload changes or changes are requested; approvals count for one version. needed: approvals by different people.
    seen_by: who has claimed it. original: the payload as it was sent, of the second of a blind pair. documents: those
    that a reviewer must be allowed to read.
    """

    id: UUID
    tenant_id: UUID
    kind: ReviewKind
    subject_id: UUID
    question: str
    rule: str
    timing: str
    risk_tier: str
    payload: bytes
    digest: str
    version: int
    state: ReviewState
    outcome: ReviewOutcome | None
    needed: int
    self_approval: bool
    asker: str
    groups: Sequence[str]
    level: int
    note: str
    created_at: datetime
    due_at: datetime
    escalate_at: datetime | None
    fence: int
    lease_by: str | None
    lease_until: datetime | None
    decided_at: datetime | None
    seen_by: Sequence[str] = ()
    original: bytes | None = None
    documents: Sequence[UUID] = ()

    def leased(self, at: datetime) -> bool:
        return self.lease_until is not None and self.lease_until > at


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """The part of a stored decision that the rules look at."""

    item_id: UUID
    kind: ReviewKind
    version: int
    reviewer: str
    decision: DecisionType


@dataclass(frozen=True, slots=True)
class SubmittedDecision:
    """A reviewer's decision, with the token, version and digest that it is based on."""

    decision: DecisionType
    reason: str
    fence: int
    version: int
    sha256: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What a decision led to; returned again when the same request is repeated."""

    id: UUID
    decision: DecisionType
    state: ReviewState
    outcome: ReviewOutcome | None
    version: int
    sha256: str

    @classmethod
    def of(cls, item: ReviewItem, decision: DecisionType) -> "DecisionResult":
        """item: as it is after the decision."""
        return cls(item.id, decision, item.state, item.outcome, item.version, item.digest)


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision as it is stored. version: the one that the decision counts for. digest: of the payload it left."""

    id: UUID
    tenant_id: UUID
    item_id: UUID
    subject_id: UUID
    kind: ReviewKind
    version: int
    fence: int
    reviewer: str
    decision: DecisionType
    reason: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A decision as reviewers see it later."""

    at: datetime
    reviewer: str
    decision: DecisionType
    reason: str
    version: int
    digest: str


def check_self_review(item: ReviewItem, caller: Principal) -> None:
    """Errors: SelfReview."""
    if item.asker == caller.name and not item.self_approval:
        raise SelfReview(f"{caller.name} asked the question.")


def check_reviewer(item: ReviewItem, caller: Principal, recorded: Sequence[RecordedDecision]) -> None:
    """Whether this person may review this item at all. recorded: all decisions on the same subject.

    Errors: SelfReview, ReviewEscalated, AlreadyReviewed.
    """
    check_self_review(item, caller)
    if item.level >= ESCALATED and not caller.may(ESCALATED_PERMISSION):
        raise ReviewEscalated()
    for each in recorded:
        approved = each.version == item.version and each.decision in ("approve", "edit")
        if each.reviewer == caller.name and (each.item_id != item.id or approved):
            raise AlreadyReviewed()


def check_open(item: ReviewItem, at: datetime) -> None:
    """Errors: ReviewClosed."""
    if item.state != "open":
        raise ReviewClosed(f"The item is {item.outcome or item.state}.")
    if item.due_at <= at:
        raise ReviewClosed("The item has expired.")


def check_lease(item: ReviewItem, caller: Principal, fence: int, at: datetime) -> None:
    """Errors: LeaseLost, unless `fence` is the token of the newest claim, held by this caller and not ended."""
    if fence != item.fence:
        raise LeaseLost(f"Token {fence} is not the one of the newest claim.")
    if item.lease_by != caller.name or not item.leased(at):
        raise LeaseLost("The lease has ended.")


def check_decision(
    item: ReviewItem, caller: Principal, decision: SubmittedDecision, recorded: Sequence[RecordedDecision], at: datetime
) -> None:
    """Errors: ReviewClosed, LeaseLost, ReviewChanged, PayloadChanged, BlindDecisionRefused, and as check_reviewer."""
    check_open(item, at)
    check_lease(item, caller, decision.fence, at)
    if decision.version != item.version:
        raise ReviewChanged(f"The decision is on version {decision.version}; the item is at version {item.version}.")
    if decision.sha256 != item.digest:
        raise PayloadChanged()
    check_reviewer(item, caller, recorded)
    if item.kind == "overlap" and decision.decision in ("request_changes", "escalate"):
        raise BlindDecisionRefused()


def has_enough_approvals(item: ReviewItem, caller: Principal, recorded: Sequence[RecordedDecision]) -> bool:
    """Whether this caller's approval is the last one that the item needs at its version."""
    others = {
        each.reviewer
        for each in recorded
        if each.item_id == item.id and each.version == item.version and each.decision in ("approve", "edit")
    }
    return len(others | {caller.name}) >= item.needed


class ReviewCursor(PageCursor):
    """at: when the item is due."""

    unreadable = InvalidReviewCursor
