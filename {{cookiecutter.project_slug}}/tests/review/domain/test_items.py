"""Who may claim and decide a review item, and when, at each bound."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.errors import Problem
from app.identity.domain import Principal
from app.inference.domain.human_review import PayloadChanged
from app.releases.domain import digest_of
from app.review.domain.blind_review import (
    PairedReview,
    PairedReviewSeen,
    as_first_sent,
    check_hidden_claim,
    check_not_hidden,
    is_hidden,
)
from app.review.domain.items import (
    ESCALATED,
    OVERDUE,
    AlreadyReviewed,
    BlindDecisionRefused,
    DecisionType,
    InvalidReviewCursor,
    LeaseLost,
    RecordedDecision,
    ReviewAlreadyClaimed,
    ReviewChanged,
    ReviewClosed,
    ReviewCursor,
    ReviewEscalated,
    ReviewItem,
    SelfReview,
    SubmittedDecision,
    check_decision,
    check_open,
    check_reviewer,
    has_enough_approvals,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PAYLOAD = b"At seven [1]."
ITEM = ReviewItem(
    id=UUID(int=1),
    tenant_id=UUID(int=2),
    kind="answer",
    subject_id=UUID(int=3),
    question="When?",
    rule="all",
    timing="before",
    risk_tier="medium",
    payload=PAYLOAD,
    digest=digest_of(PAYLOAD),
    version=2,
    state="open",
    outcome=None,
    needed=1,
    self_approval=False,
    asker="asker",
    groups=(),
    level=0,
    note="",
    created_at=NOW - SECOND,
    due_at=NOW + SECOND,
    escalate_at=None,
    fence=3,
    lease_by="ana",
    lease_until=NOW + SECOND,
    decided_at=None,
)
DECISION = SubmittedDecision("approve", "read it", 3, 2, ITEM.digest)


def person(name: str = "ana", role: str = "reviewer") -> Principal:
    return Principal(UUID(int=2), UUID(int=9), name, frozenset({role}))


def recorded(
    reviewer: str = "ana", decision: DecisionType = "approve", version: int = 2, item: int = 1
) -> RecordedDecision:
    return RecordedDecision(UUID(int=item), "answer", version, reviewer, decision)


def error_of(check: Callable[[], object]) -> type[Problem] | None:
    try:
        check()
    except Problem as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    ("item", "decision", "error"),
    [
        ({}, {}, None),
        ({"state": "decided"}, {}, ReviewClosed),
        ({"state": "expired"}, {}, ReviewClosed),
        ({"due_at": NOW}, {}, ReviewClosed),
        ({}, {"fence": 2}, LeaseLost),
        ({}, {"fence": 4}, LeaseLost),
        ({"lease_by": "ben"}, {}, LeaseLost),
        ({"lease_by": None, "lease_until": None}, {}, LeaseLost),
        ({"lease_until": None}, {}, LeaseLost),
        ({"lease_until": NOW}, {}, LeaseLost),
        ({}, {"version": 1}, ReviewChanged),
        ({}, {"version": 3}, ReviewChanged),
        ({}, {"sha256": digest_of(b"else")}, PayloadChanged),
        ({"asker": "ana"}, {}, SelfReview),
        ({"asker": "ana", "self_approval": True}, {}, None),
        ({"level": ESCALATED}, {}, ReviewEscalated),
        ({"level": ESCALATED - 1}, {}, None),
        ({"kind": "overlap"}, {}, None),
        ({"kind": "overlap"}, {"decision": "reject"}, None),
        ({"kind": "overlap"}, {"decision": "request_changes"}, BlindDecisionRefused),
        ({"kind": "overlap"}, {"decision": "escalate"}, BlindDecisionRefused),
        ({}, {"decision": "request_changes"}, None),
        ({}, {"decision": "escalate"}, None),
    ],
)
def test_a_decision_needs_an_open_item_the_newest_lease_and_what_was_read(
    item: dict[str, Any], decision: dict[str, Any], error: type[Problem] | None
) -> None:
    given = replace(DECISION, **decision)
    assert error_of(lambda: check_decision(replace(ITEM, **item), person(), given, (), NOW)) is error


def test_who_has_the_permission_decides_what_is_escalated() -> None:
    check_decision(replace(ITEM, level=ESCALATED), person(role="admin"), DECISION, (), NOW)


def test_what_is_closed_says_how() -> None:
    for changes, words in (({"state": "expired"}, "expired"), ({"state": "decided", "outcome": "edited"}, "edited")):
        with pytest.raises(ReviewClosed, match=f"The item is {words}"):
            check_open(replace(ITEM, **changes), NOW)


@pytest.mark.parametrize(
    ("before", "error"),
    [
        (recorded("ben"), None),
        (recorded("ben", item=5), None),
        (recorded(version=1), None),
        (recorded(decision="request_changes"), None),
        (recorded(decision="escalate"), None),
        (recorded(), AlreadyReviewed),
        (recorded(decision="edit"), AlreadyReviewed),
        (recorded(item=5), AlreadyReviewed),
        (recorded(decision="escalate", item=5), AlreadyReviewed),
    ],
)
def test_nobody_decides_twice_on_one_version_or_on_both_items_of_a_subject(
    before: RecordedDecision, error: type[Problem] | None
) -> None:
    assert error_of(lambda: check_reviewer(ITEM, person(), (before,))) is error


@pytest.mark.parametrize(
    ("needed", "before", "enough"),
    [
        (1, [], True),
        (2, [], False),
        (2, [recorded("ana")], False),
        (2, [recorded("ben")], True),
        (2, [recorded("ben", "edit")], True),
        (2, [recorded("ben", "reject")], False),
        (2, [recorded("ben", version=1)], False),
        (2, [recorded("ben", item=5)], False),
        (3, [recorded("ben"), recorded("ben", "edit")], False),
        (3, [recorded("ben"), recorded("cleo")], True),
    ],
)
def test_enough_people_approve_this_version_of_this_item(
    needed: int, before: list[RecordedDecision], enough: bool
) -> None:
    assert has_enough_approvals(replace(ITEM, needed=needed), person(), before) is enough


def test_a_cursor_is_read_back_or_refused() -> None:
    cursor = ReviewCursor(NOW, UUID(int=1))
    assert ReviewCursor.parse(cursor.text()) == cursor
    with pytest.raises(InvalidReviewCursor):
        ReviewCursor.parse("x")


@pytest.mark.parametrize(
    ("item", "pair", "hidden"),
    [
        ({"state": "decided"}, None, False),
        ({"state": "decided"}, PairedReview("open", ()), True),
        ({"state": "open"}, PairedReview("decided", ()), True),
        ({"state": "decided"}, PairedReview("decided", ()), False),
        ({"state": "decided", "seen_by": ("ana",)}, PairedReview("open", ()), False),
    ],
)
def test_an_item_is_hidden_while_one_of_its_pair_is_open_from_who_has_not_claimed_it(
    item: dict[str, Any], pair: PairedReview | None, hidden: bool
) -> None:
    changed = replace(ITEM, **item)
    assert is_hidden(changed, pair, "ana") is hidden
    assert error_of(lambda: check_not_hidden(changed, pair, person())) is (LeaseLost if hidden else None)


FREE = replace(ITEM, lease_by=None, lease_until=None)


@pytest.mark.parametrize(
    ("item", "seen_by", "before", "error"),
    [
        ({}, (), (), None),
        ({"asker": "ana"}, (), (), SelfReview),
        ({}, (), (recorded("ben"),), None),
        ({}, (), (recorded("ana", "reject", item=5),), AlreadyReviewed),
        ({}, ("ben",), (), None),
        ({}, ("ben", "ana"), (), PairedReviewSeen),
        ({"due_at": NOW}, (), (), ReviewClosed),
        ({"state": "decided"}, (), (), ReviewAlreadyClaimed),
        ({"lease_by": "ben", "lease_until": NOW + SECOND}, (), (), ReviewAlreadyClaimed),
        ({"lease_by": "ben", "lease_until": NOW}, (), (), None),
        ({"level": ESCALATED}, (), (), ReviewAlreadyClaimed),
        ({"level": OVERDUE}, (), (), None),
    ],
)
def test_a_hidden_item_is_claimed_without_learning_what_became_of_it(
    item: dict[str, Any], seen_by: tuple[str, ...], before: tuple[RecordedDecision, ...], error: type[Problem]
) -> None:
    changed, pair = replace(FREE, **item), PairedReview("open", seen_by)
    assert error_of(lambda: check_hidden_claim(changed, pair, person(), before, NOW)) is error


def test_an_administrator_claims_what_is_escalated_and_hidden() -> None:
    check_hidden_claim(replace(FREE, level=ESCALATED), PairedReview("open", ()), person(role="admin"), (), NOW)


@pytest.mark.parametrize(
    ("escalate_at", "level"), [(None, 0), (NOW + SECOND, 0), (NOW, OVERDUE), (NOW - SECOND, OVERDUE)]
)
def test_what_is_hidden_looks_as_it_was_sent(escalate_at: datetime | None, level: int) -> None:
    touched = replace(
        ITEM, state="decided", outcome="edited", note="no", level=2, decided_at=NOW, escalate_at=escalate_at
    )
    shown = as_first_sent(touched, b"first", NOW)
    assert (shown.payload, shown.digest) == (b"first", digest_of(b"first"))
    assert (shown.version, shown.state, shown.outcome, shown.level, shown.note) == (1, "open", None, level, "")
    assert (shown.lease_by, shown.lease_until, shown.decided_at) == (None, None, None)
    assert as_first_sent(touched, None, NOW).payload == PAYLOAD
