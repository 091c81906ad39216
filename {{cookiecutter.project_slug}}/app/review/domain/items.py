"""What waits for a person, who may take it, and what a decision does to it."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.identity.domain import Principal
from app.inference.domain.human_review import PayloadChanged

ReviewKind = Literal["answer", "overlap", "action"]
"""overlap: a second, blind look at the same text; it changes nothing but the agreement that is reported."""
ReviewState = Literal["open", "decided", "expired"]
DecisionType = Literal["approve", "edit", "reject", "request_changes", "escalate"]
ReviewOutcome = Literal["approved", "edited", "rejected", "denied"]

URGENT, HANDED_UP = 1, 2
"""Levels above 0: the time to escalate came, or a reviewer handed it up."""
SENIOR = "reviews:escalated"


class ReviewNotFound(NotFound):
    code, title = "review_not_found", "No such review item"


class ReviewClosed(Conflict):
    code, title = "review_closed", "The item has been decided, or its time is up"
    action = "Read it again; there is nothing left to decide."


class ReviewAlreadyClaimed(Conflict):
    code, title = "review_taken", "Another reviewer has claimed the item"
    action = "Take another one; this one is free again when the lease ends."


class LeaseLost(Conflict):
    code, title = "review_lease_lost", "The item is not yours any more"
    action = "Claim it again and read it again."


class ReviewChanged(Conflict):
    code, title = "review_changed", "The item has changed since it was read"
    action = "Read it again, then decide on what it says now."


class SelfReview(Forbidden):
    code, title = "review_self_approval", "Nobody decides on what came of a question of their own"
    action = "Let somebody else decide."


class AlreadyReviewed(Forbidden):
    code, title = "review_judged_already", "You have judged this already, and another person is wanted"
    action = "Leave it to somebody else."


class ReviewEscalated(Forbidden):
    code, title = "review_handed_up", "The item was handed up"
    action = f"It takes a key with the permission {SENIOR}."


class BlindDecisionRefused(Invalid):
    code, title = "review_blind", "A blind second look can only approve, edit or reject"


class InvalidReviewCursor(Invalid):
    code, title = "review_cursor_unreadable", "The cursor cannot be read"


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """payload: the canonical bytes, whose SHA-256 is `digest` and which are what gets delivered or run.

    fence: grows with every claim; only its newest value decides. version: grows when the payload changes or changes are
    asked for; approvals count for one version. seen_by: who has claimed it. original: of a second look, what was sent.
    documents: those that whoever looks at it must be able to read now.
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
    """A decision as it was recorded."""

    item_id: UUID
    kind: ReviewKind
    version: int
    reviewer: str
    decision: DecisionType


@dataclass(frozen=True, slots=True)
class SubmittedDecision:
    """What a reviewer says, and what they saw when they said it."""

    decision: DecisionType
    reason: str
    fence: int
    version: int
    sha256: str
    text: str | None = None


def check_self(item: ReviewItem, caller: Principal) -> None:
    """Errors: SelfReview."""
    if item.asker == caller.name and not item.self_approval:
        raise SelfReview(f"{caller.name} asked the question.")


def check_reviewer(item: ReviewItem, caller: Principal, votes: Sequence[RecordedDecision]) -> None:
    """Whether this person may judge this item at all. votes: all on the same answer.

    Errors: SelfReview, ReviewEscalated, AlreadyReviewed.
    """
    check_self(item, caller)
    if item.level >= HANDED_UP and not caller.may(SENIOR):
        raise ReviewEscalated()
    for vote in votes:
        judged = vote.version == item.version and vote.decision in ("approve", "edit")
        if vote.reviewer == caller.name and (vote.item_id != item.id or judged):
            raise AlreadyReviewed()


def check_open(item: ReviewItem, at: datetime) -> None:
    """Errors: ReviewClosed."""
    if item.state != "open":
        raise ReviewClosed(f"The item is {item.outcome or item.state}.")
    if item.due_at <= at:
        raise ReviewClosed("The item's time is up.")


def check_lease(item: ReviewItem, caller: Principal, fence: int, at: datetime) -> None:
    """Errors: LeaseLost unless `fence` is of the newest claim, which is this caller's and has not ended."""
    if fence != item.fence:
        raise LeaseLost(f"The token {fence} is not that of the newest claim.")
    if item.lease_by != caller.name or not item.leased(at):
        raise LeaseLost("The lease has ended.")


def check_verdict(
    item: ReviewItem, caller: Principal, verdict: SubmittedDecision, votes: Sequence[RecordedDecision], at: datetime
) -> None:
    """Errors: ReviewClosed, LeaseLost, ReviewChanged, PayloadChanged, BlindDecisionRefused, and as check_reviewer."""
    check_open(item, at)
    check_lease(item, caller, verdict.fence, at)
    if verdict.version != item.version:
        raise ReviewChanged(f"Version {verdict.version} was read; it is at version {item.version}.")
    if verdict.sha256 != item.digest:
        raise PayloadChanged()
    check_reviewer(item, caller, votes)
    if item.kind == "overlap" and verdict.decision in ("request_changes", "escalate"):
        raise BlindDecisionRefused()


def enough(item: ReviewItem, caller: Principal, votes: Sequence[RecordedDecision]) -> bool:
    """Whether the approval of this caller is the last one that the item needs at its version."""
    others = {
        vote.reviewer
        for vote in votes
        if vote.item_id == item.id and vote.version == item.version and vote.decision in ("approve", "edit")
    }
    return len(others | {caller.name}) >= item.needed


@dataclass(frozen=True, slots=True)
class ReviewCursor:
    """Where a page ended: earliest due first, ids break ties."""

    due_at: datetime
    id: UUID

    def text(self) -> str:
        return base64.urlsafe_b64encode(f"{self.due_at.isoformat()}|{self.id}".encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "ReviewCursor":
        """Errors: InvalidReviewCursor."""
        try:
            due, _, last = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("|")
            return cls(datetime.fromisoformat(due), UUID(last))
        except ValueError as error:
            raise InvalidReviewCursor() from error
