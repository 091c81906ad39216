from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from pydantic import ValidationError

from app.costs.domain.budgets import (
    SERVICE,
    Budget,
    BudgetRules,
    BudgetSpan,
    BudgetState,
    Hold,
    LimitNotAllowed,
    Settlement,
    SharedReservation,
    opens_at,
)
from app.costs.domain.policy import CostPolicy

DAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def reservation(left: int = 100, fresh_until: float = 10.0, until: float = 20.0) -> SharedReservation:
    return SharedReservation(UUID(int=1), UUID(int=2), DAY, 3, 40, left, fresh_until, until)


@pytest.mark.parametrize(
    ("micro_usd", "seconds", "now", "given"),
    [
        (100, 10, 10, True),
        (0, 0, 0, True),
        (101, 1, 0, False),
        (100, 1, 10.1, False),
        (100, 10.1, 10, False),
        (1, 21, 0, False),
    ],
)
def test_a_part_is_given_while_there_is_enough_money_and_time(
    micro_usd: int, seconds: float, now: float, given: bool
) -> None:
    shared = reservation()
    hold = shared.give(micro_usd, seconds, now)
    assert (hold is not None) == given
    assert (shared.left, shared.live) == ((100 - micro_usd, 1) if given else (100, 0))
    if hold:
        assert (hold.id, hold.stripe, hold.used_percent, hold.reservation) == (shared.id, 3, 40, shared)


def test_one_call_at_a_time_has_a_part_and_gives_the_rest_back() -> None:
    shared = reservation()
    hold = shared.give(60, 1, 0)
    assert hold is not None
    assert shared.give(1, 1, 0) is None
    shared.back(hold, 25)
    assert (shared.left, shared.live) == (75, 0)
    assert shared.give(75, 1, 0) is not None


def test_a_call_that_cost_more_than_its_part_takes_it_from_the_rest() -> None:
    shared = reservation()
    hold = shared.give(60, 1, 0)
    assert hold is not None
    shared.back(hold, 70)
    assert shared.left == 30


@pytest.mark.parametrize(
    ("micro_usd", "now", "live", "over"),
    [(100, 10, 0, False), (101, 10, 0, True), (1, 10.1, 0, True), (101, 10.1, 1, False)],
)
def test_a_reservation_is_over_when_no_call_has_it_nor_can_get_it(
    micro_usd: int, now: float, live: int, over: bool
) -> None:
    shared = reservation()
    shared.live = live
    assert shared.over(micro_usd, now) is over


def budget(limit: int | None, allowed: int | None = 100, committed: int = 0, held: int = 0) -> Budget:
    return Budget(SERVICE, "day", DAY, limit, allowed, 0, False, committed, held, NOW)


@pytest.mark.parametrize(
    ("limit", "committed", "held", "percent", "state"),
    [
        (200, 100, 59, 79.5, "open"),
        (200, 100, 60, 80, "near"),
        (200, 199, 0, 99.5, "near"),
        (200, 101, 99, 100, "used_up"),
        (0, 0, 0, 0, "open"),
        (0, 1, 0, 100, "used_up"),
        (None, 10**9, 10**9, 0, "open"),
    ],
)
def test_the_state_of_a_budget_counts_what_is_committed_and_what_is_held(
    limit: int | None, committed: int, held: int, percent: float, state: BudgetState
) -> None:
    found = budget(limit, committed=committed, held=held)
    assert (found.used_percent, found.state(80)) == (percent, state)


def test_without_a_limit_nothing_is_near_even_where_the_warning_begins_at_once() -> None:
    assert budget(None).state(0) == "open"


@pytest.mark.parametrize(
    ("wanted", "allowed", "refused"),
    [(100, 100, False), (101, 100, True), (None, 100, False), (101, None, False), (None, None, False), (0, 0, False)],
)
def test_a_tenant_sets_itself_at_most_what_it_is_allowed(
    wanted: int | None, allowed: int | None, refused: bool
) -> None:
    found = budget(50, allowed)
    if refused:
        with pytest.raises(LimitNotAllowed, match=r"service per day.* 0\.000100 USD"):
            found.check_own(wanted)
    else:
        found.check_own(wanted)


@pytest.mark.parametrize(
    ("limit", "allowed", "lowered"), [(50, 100, True), (100, 100, False), (None, None, False), (50, None, True)]
)
def test_a_limit_is_lowered_where_it_differs_from_what_is_allowed(
    limit: int | None, allowed: int | None, lowered: bool
) -> None:
    assert budget(limit, allowed).lowered is lowered


def test_only_holds_make_a_settlement() -> None:
    assert not Settlement((), 5)
    assert Settlement((Hold(UUID(int=1), UUID(int=2), DAY, 3, 60),), 0)


@pytest.mark.parametrize(("warn", "cheaper", "accepted"), [(80, 80, True), (79, 80, True), (81, 80, False)])
def test_the_warning_comes_no_later_than_the_cheaper_model(warn: int, cheaper: int, accepted: bool) -> None:
    if accepted:
        assert BudgetRules(warn_percent=warn, cheaper_percent=cheaper).warn_percent == warn
    else:
        with pytest.raises(ValidationError, match="the owner is warned first"):
            BudgetRules(warn_percent=warn, cheaper_percent=cheaper)


@pytest.mark.parametrize(
    ("span", "day", "zone", "opens"),
    [
        ("day", date(2026, 11, 22), "UTC", "2026-11-23T00:00:00+00:00"),
        ("day", date(2026, 12, 31), "Europe/Berlin", "2027-01-01T00:00:00+01:00"),
        ("month", date(2026, 11, 1), "UTC", "2026-12-01T00:00:00+00:00"),
        ("month", date(2026, 12, 31), "UTC", "2027-01-01T00:00:00+00:00"),
        ("month", date(2027, 2, 28), "UTC", "2027-03-01T00:00:00+00:00"),
        ("month", date(2028, 1, 31), "UTC", "2028-02-01T00:00:00+00:00"),
    ],
)
def test_a_budget_opens_again_at_the_next_midnight_or_first_of_a_month(
    span: BudgetSpan, day: date, zone: str, opens: str
) -> None:
    assert opens_at(span, day, zone).isoformat() == opens


def test_the_limits_of_the_policy_are_whole_micro_dollars() -> None:
    rules = BudgetRules(service_daily_usd=Decimal("0.5"), tenant_monthly_usd=Decimal("0.000001"))
    policy = CostPolicy(owner="someone", monthly_budget_usd=Decimal(20), budgets=rules)
    assert policy.limits == [500_000, 20_000_000, None, 1]
