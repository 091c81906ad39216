from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from app.inference.domain.answer_pages import (
    AnswerFilters,
    AnswerPage,
    AnswerPosition,
    InvalidAnswerCursor,
    ListedAnswer,
    merge_pages,
    stored_request_id,
)
from app.inference.repository.listing import conditions_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ONE = ListedAnswer(
    tenant_id=UUID(int=1),
    id=UUID(int=1),
    created_at=NOON,
    status="answered",
    refusal=None,
    reasons=(),
    model="m",
    degraded=False,
    findings=0,
    release_id="r",
    environment="production",
    arm="live",
    key_id=None,
    cost_micro_usd=0,
    latency_ms=1.0,
    helpful=None,
    trace_id="t",
    request_id=None,
    review_id=None,
    review_state=None,
    question=None,
    text=None,
)


def answers(count: int, tenant: int, random: Random) -> list[ListedAnswer]:
    """The newest first."""
    times = sorted((random.randrange(40) for _ in range(count)), reverse=True)
    made = [
        replace(ONE, tenant_id=UUID(int=tenant), id=UUID(int=random.getrandbits(64)), created_at=NOON + timedelta(0, t))
        for t in times
    ]
    return sorted(made, key=lambda answer: answer.position, reverse=True)


def page_of(stored: list[ListedAnswer], after: AnswerPosition | None, limit: int, scanned: int) -> AnswerPage:
    """As the database gives it: it looks at `scanned` rows and finds those whose id is even."""
    rest = [each for each in stored if after is None or each.position < after]
    seen = rest[:scanned]
    found = [each for each in seen if each.id.int % 2 == 0]
    if len(found) > limit:
        return AnswerPage(tuple(found[:limit]), found[limit - 1].position)
    return AnswerPage(tuple(found), seen[-1].position if len(seen) == scanned else None)


@pytest.mark.parametrize("seed", range(30))
def test_pages_of_several_tenants_give_every_answer_once_and_in_order(seed: int) -> None:
    random = Random(seed)
    tenants = [answers(random.randrange(30), tenant, random) for tenant in range(4)]
    limit, scanned = random.randrange(1, 8), random.randrange(1, 9)
    given: list[ListedAnswer] = []
    position = None
    for _ in range(1000):
        page = merge_pages([page_of(each, position, limit, scanned) for each in tenants], limit)
        assert len(page.answers) <= limit
        given += page.answers
        position = page.next
        if position is None:
            break
    expected = sorted(
        (each for stored in tenants for each in stored if each.id.int % 2 == 0),
        key=lambda answer: answer.position,
        reverse=True,
    )
    assert given == expected


def test_a_position_is_read_back_from_its_text() -> None:
    assert AnswerPosition.parse(ONE.position.text()) == ONE.position


@pytest.mark.parametrize(
    "text", ["", "x", "é", "MjAyNg", "MjAyNi0wMS0zMVQxMjowMDowMHwwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDE"]
)
def test_a_text_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidAnswerCursor):
        AnswerPosition.parse(text)


def test_a_credential_that_a_caller_sends_as_request_id_is_not_stored() -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
    assert secret not in str(stored_request_id(secret))
    assert stored_request_id("0123456789abcdef0123456789abcdef") == "0123456789abcdef0123456789abcdef"
    assert stored_request_id(None) is None


def test_every_filter_has_a_condition() -> None:
    values = {
        "release_id": "r",
        "environment": "production",
        "arm": "live",
        "status": "answered",
        "reason": "no_answer",
        "model": "m",
        "degraded": False,
        "findings": False,
        "feedback": "none",
        "min_cost_micro_usd": 1,
        "max_cost_micro_usd": 1,
        "min_latency_ms": 1.0,
        "max_latency_ms": 1.0,
        "key_id": UUID(int=1),
        "trace_id": "t",
        "request_id": "r",
        "answer_id": UUID(int=1),
    }
    assert set(values) | {"since", "until"} == set(AnswerFilters.__slots__)
    for name, value in values.items():
        assert list(conditions_of(AnswerFilters(**{name: value}))), name  # type: ignore[arg-type]
