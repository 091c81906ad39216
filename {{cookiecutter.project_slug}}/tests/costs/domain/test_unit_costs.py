from datetime import UTC, date, datetime

import pytest

from app.costs.domain.unit_costs import ReleaseCost, UnitCost, forecast, with_changes, with_resolved

AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("today", "before", "spent_today", "expected"),
    [
        (date(2026, 11, 2), {1: 100}, 0, 100 + 100 * 29),
        (date(2026, 11, 2), {}, 50, 50),
        (date(2026, 11, 8), {1: 700}, 0, 700 + 100 * 23),
        (date(2026, 11, 9), {1: 700}, 0, 700),
        (date(2026, 11, 9), {1: 700, 2: 7}, 0, 707 + 1 * 22),
        (date(2026, 11, 3), {1: 100, 2: 100}, 500, 200 + 500 + 100 * 27),
        (date(2026, 11, 30), {29: 70}, 0, 70 + 10),
        (date(2026, 11, 30), {29: 70}, 10, 70 + 10),
        (date(2026, 11, 30), {29: 70}, 11, 70 + 11),
        (date(2028, 2, 29), {28: 70}, 0, 70 + 10),
        (date(2028, 2, 28), {27: 70}, 0, 70 + 20),
        (date(2027, 2, 28), {27: 70}, 0, 70 + 10),
        (date(2026, 12, 31), {}, 0, 0),
    ],
)
def test_a_month_goes_on_as_its_last_whole_days(
    today: date, before: dict[int, int], spent_today: int, expected: int
) -> None:
    found = forecast(today, {today.replace(day=day): cost for day, cost in before.items()}, spent_today)
    assert found.month == today.replace(day=1)
    assert found.spent_micro_usd == sum(before.values()) + spent_today
    assert found.expected_micro_usd == expected


def test_the_first_of_a_leap_month_has_twenty_nine_days_like_it() -> None:
    assert forecast(date(2028, 2, 1), {}, 3).expected_micro_usd == 87


def test_resolved_answers_stand_after_answers_and_share_their_cost() -> None:
    units = [UnitCost("document", 1, 5), UnitCost("answer", 4, 100), UnitCost("search", 1, 1)]
    found = with_resolved(units, 2)
    assert [(each.name, each.count, each.each) for each in found] == [
        ("document", 1, 5),
        ("answer", 4, 25),
        ("resolved answer", 2, 50),
        ("search", 1, 1),
    ]
    assert with_resolved(units[:1], 2) == tuple(units[:1])
    assert with_resolved([], 2) == ()


def test_each_release_is_compared_with_the_one_before_it() -> None:
    costs = [(2, 20), (1, 15), (0, 0), (1, 5), (1, 5)]
    found = with_changes([ReleaseCost(str(n), AT, answers, cost) for n, (answers, cost) in enumerate(costs)])
    assert [each.change for each in found] == [None, pytest.approx(0.5), -1.0, None, 0.0]
    assert with_changes([]) == ()
