"""Blind pairs: an answer that two people review without knowing of each other. Until both have decided, it looks
untouched to everybody else: neither a decision nor its existence can be inferred from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.core.errors import Forbidden
from app.identity.domain import Principal
from app.releases.domain import digest_of
from app.review.domain.items import (
    ESCALATED,
    ESCALATED_PERMISSION,
    OVERDUE,
    AlreadyReviewed,
    LeaseLost,
    RecordedDecision,
    ReviewAlreadyClaimed,
    ReviewClosed,
    ReviewItem,
    ReviewKind,
    check_self_review,
)

PAIRED_KINDS: tuple[ReviewKind, ...] = ("answer", "overlap")


class PairedReviewSeen(Forbidden):
    code, title = "review_seen_already", "You have claimed the other review of this answer"
    action = "Leave it to another reviewer."


@dataclass(frozen=True, slots=True)
class PairedReview:
    """The other item of a blind pair. seen_by: who has claimed it."""

    state: str
    seen_by: tuple[str, ...]


def is_hidden(item: ReviewItem, pair: PairedReview | None, who: str) -> bool:
    """Whether this person must not see the item's state: one of the pair is open and they have not claimed it."""
    return pair is not None and "open" in (item.state, pair.state) and who not in item.seen_by


def as_first_sent(item: ReviewItem, sent: bytes | None, at: datetime) -> ReviewItem:
    """The item as if nobody had reviewed it. sent: its first payload; None where that has not changed."""
    payload = item.payload if sent is None else sent
    return replace(
        item,
        payload=payload,
        digest=digest_of(payload),
        version=1,
        state="open",
        outcome=None,
        level=OVERDUE if item.escalate_at and item.escalate_at <= at else 0,
        note="",
        lease_by=None,
        lease_until=None,
        decided_at=None,
    )


def check_hidden_claim(
    item: ReviewItem, pair: PairedReview, caller: Principal, recorded: Sequence[RecordedDecision], at: datetime
) -> None:
    """Whether this person may claim an item that is hidden from them. The error does not reveal whether the item is
    decided or only claimed.

    Errors: SelfReview, AlreadyReviewed, PairedReviewSeen, ReviewClosed, ReviewAlreadyClaimed.
    """
    check_self_review(item, caller)
    if any(each.reviewer == caller.name for each in recorded):
        raise AlreadyReviewed()
    if caller.name in pair.seen_by:
        raise PairedReviewSeen()
    if item.due_at <= at:
        raise ReviewClosed("The item has expired.")
    if item.state != "open" or item.leased(at) or (item.level >= ESCALATED and not caller.may(ESCALATED_PERMISSION)):
        raise ReviewAlreadyClaimed("Another reviewer has claimed it.")


def check_not_hidden(item: ReviewItem, pair: PairedReview | None, caller: Principal) -> None:
    """Errors: LeaseLost, for a person from whom the item is hidden."""
    if is_hidden(item, pair, caller.name):
        raise LeaseLost("You have not claimed it.")
