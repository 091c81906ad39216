"""When a statement ends, and which checks may not be waived."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from app.governance.domain.readiness.statements import (
    NeverWaived,
    ReadinessStatement,
    StatementExpiry,
    check_expiry,
    check_waivable,
)

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)
MOMENT, DAY = timedelta(microseconds=1), timedelta(days=1)
SAID = ReadinessStatement(UUID(int=1), "waiver", "c", "bob", "ada", "a reason", "", NOW, NOW + DAY)


@pytest.mark.parametrize(
    ("now", "valid"),
    [(NOW, True), (NOW + DAY - MOMENT, True), (NOW + DAY, False), (NOW + 2 * DAY, False), (NOW - DAY, True)],
)
def test_a_statement_ends_at_its_moment(now: datetime, valid: bool) -> None:
    assert SAID.valid(now) is valid
    assert not replace(SAID, withdrawn=True).valid(now)


def test_the_latest_end_is_that_of_the_policy() -> None:
    assert check_expiry(None, NOW, 30) == NOW + timedelta(days=30)
    assert check_expiry(NOW + timedelta(days=30), NOW, 30) == NOW + timedelta(days=30)
    assert check_expiry(NOW + MOMENT, NOW, 30) == NOW + MOMENT


@pytest.mark.parametrize("end", [NOW, NOW - MOMENT, NOW + timedelta(days=30) + MOMENT, NOW + timedelta(days=9999)])
def test_an_end_that_is_past_or_too_late_is_refused(end: datetime) -> None:
    with pytest.raises(StatementExpiry, match=r"by 2030-03-31 12:00 UTC, 30 days from now") as refused:
        check_expiry(end, NOW, 30)
    assert refused.value.code == "statement_expiry_invalid"


def test_an_end_in_another_time_zone_is_the_same_moment() -> None:
    east = timezone(timedelta(hours=14))
    with pytest.raises(StatementExpiry):
        check_expiry(NOW.astimezone(east), NOW, 30)
    assert check_expiry((NOW + MOMENT).astimezone(east), NOW, 30) == NOW + MOMENT


def test_only_the_checks_of_the_policy_are_never_waived() -> None:
    check_waivable("a.b", ("a.bc", "a"))
    check_waivable("a.b", ())
    with pytest.raises(NeverWaived) as refused:
        check_waivable("a.b", ("a.bc", "a.b"))
    assert refused.value.code == "check_never_waived"
