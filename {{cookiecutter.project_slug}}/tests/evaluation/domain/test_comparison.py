"""Values of cases on both sides, their averages and what is allowed."""

from math import log1p

import pytest

from app.evaluation.domain.comparison import (
    average,
    compare,
    floor_value,
    gain,
    pair_cases,
    smallest_allowed_gain,
    violates_floor,
)
from app.evaluation.domain.metrics import METRICS
from tests.evaluation.sample_scores import policy, run

FACTS, LATENCY = METRICS["answer_facts"], METRICS["latency_ms"]


def test_a_tolerance_is_a_difference_of_shares_or_a_ratio() -> None:
    assert smallest_allowed_gain(FACTS, 0.2) == -0.2
    assert smallest_allowed_gain(LATENCY, 0.2) == -log1p(0.2)


def test_a_metric_without_scores_on_both_sides_is_not_compared() -> None:
    old, none = run("a", lambda _: 1.0), run("b", lambda _: None)
    assert compare("answer_facts", pair_cases(none, None), policy(), 1) is None
    assert compare("answer_facts", pair_cases(none, old), policy(), 1) is None
    assert compare("answer_facts", pair_cases(old, none), policy(), 1) is None
    alone = compare("answer_facts", pair_cases(old, None), policy(), 1)
    assert alone is not None
    assert (len(alone.after), alone.before, alone.estimate, alone.clusters) == (60, (), None, 30)


def test_times_are_averaged_by_their_ratio() -> None:
    assert average(LATENCY, [90.0, 190.0]) == pytest.approx((100 * 200) ** 0.5 - 10)
    assert average(LATENCY, [0.0, 0.0]) == 0.0
    assert average(FACTS, [0.0, 1.0, 1.0, 1.0]) == 0.75


def test_one_case_counts_for_a_factor_of_four_at_most() -> None:
    assert gain(LATENCY, 100.0, 10_000.0) == gain(LATENCY, 100.0, 100_000.0) == pytest.approx(-2 * log1p(1))
    assert gain(LATENCY, 10_000.0, 100.0) == pytest.approx(2 * log1p(1))
    assert gain(FACTS, 0.25, 1.0) == 0.75


@pytest.mark.parametrize(("count", "slowest"), [(1, 1), (19, 19), (20, 19), (40, 38), (100, 95)])
def test_the_floor_of_times_is_for_the_slowest_twentieth(count: int, slowest: int) -> None:
    assert floor_value(LATENCY, [float(number) for number in range(count, 0, -1)]) == slowest
    assert floor_value(FACTS, [0.0, 1.0]) == 0.5


def test_a_floor_is_met_by_its_own_value() -> None:
    assert [violates_floor(FACTS, value, 0.5) for value in (0.5, 0.49, 0.51)] == [False, True, False]
    assert [violates_floor(LATENCY, value, 500.0) for value in (500.0, 501.0, 499.0)] == [False, True, False]
    assert not violates_floor(FACTS, 0.0, None)
    assert [violates_floor(FACTS, 0.5 - less, 0.5) for less in (0.5e-9, 1.5e-9)] == [False, True]
