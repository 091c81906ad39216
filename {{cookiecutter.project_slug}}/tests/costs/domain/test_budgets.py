from datetime import date
from uuid import UUID

import pytest

from app.costs.domain.budgets import SharedReservation

DAY = date(2026, 11, 22)


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
