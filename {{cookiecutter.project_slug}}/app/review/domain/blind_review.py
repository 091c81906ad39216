"""A text that two people judge without knowing of each other. Until both have, it looks to everybody else as if nobody
had begun: neither what was made of it can be told from it, nor that anything was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.core.errors import Forbidden
from app.identity.domain import Principal
from app.releases.domain import digest_of
from app.review.domain.items import (
    HANDED_UP,
    SENIOR,
    URGENT,
    AlreadyReviewed,
    LeaseLost,
    RecordedDecision,
    ReviewAlreadyClaimed,
    ReviewClosed,
    ReviewItem,
    ReviewKind,
    check_self,
)

PAIR: tuple[ReviewKind, ...] = ("answer", "overlap")


class PairedReviewSeen(Forbidden):
    code, title = "review_seen_already", "You have seen what is made of this, and somebody is wanted who has not"
    action = "Leave it to somebody else."


@dataclass(frozen=True, slots=True)
class PairedReview:
    """The other look at the same text. seen_by: who has claimed it."""

    state: str
    seen_by: tuple[str, ...]


def hidden(item: ReviewItem, twin: PairedReview | None, who: str) -> bool:
    """Whether this person may not know what has become of it. Who has claimed it knows."""
    return twin is not None and "open" in (item.state, twin.state) and who not in item.seen_by


def as_sent(item: ReviewItem, sent: bytes | None, at: datetime) -> ReviewItem:
    """As it would look if nobody had touched it. sent: its bytes on that day; None where nobody changes them."""
    payload = item.payload if sent is None else sent
    return replace(
        item,
        payload=payload,
        digest=digest_of(payload),
        version=1,
        state="open",
        outcome=None,
        level=URGENT if item.escalate_at and item.escalate_at <= at else 0,
        note="",
        lease_by=None,
        lease_until=None,
        decided_at=None,
    )


def check_untold(
    item: ReviewItem, twin: PairedReview, caller: Principal, votes: Sequence[RecordedDecision], at: datetime
) -> None:
    """Whether this person may claim what is hidden from them. The refusal does not tell an item that was decided from
    one that somebody has just claimed.

    Errors: SelfReview, AlreadyReviewed, PairedReviewSeen, ReviewClosed, ReviewAlreadyClaimed.
    """
    check_self(item, caller)
    if any(vote.reviewer == caller.name for vote in votes):
        raise AlreadyReviewed()
    if caller.name in twin.seen_by:
        raise PairedReviewSeen()
    if item.due_at <= at:
        raise ReviewClosed("The item's time is up.")
    if item.state != "open" or item.leased(at) or (item.level >= HANDED_UP and not caller.may(SENIOR)):
        raise ReviewAlreadyClaimed("Another reviewer has it.")


def check_told(item: ReviewItem, twin: PairedReview | None, caller: Principal) -> None:
    """Errors: LeaseLost, for who has never claimed what is hidden from them."""
    if hidden(item, twin, caller.name):
        raise LeaseLost("You have not claimed it.")
