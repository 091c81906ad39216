"""Tests of shares and of distributions at their bounds: no cases, all cases, bins without any."""

from fractions import Fraction
from math import comb, erfc, sqrt

import numpy as np
import pytest

from app.monitoring.domain.drift.homogeneity import (
    chi_square_tail,
    homogeneity,
    share_change,
    share_rise,
    stability_index,
)


def exact_rise(reference: int, reference_size: int, window: int, window_size: int) -> float:
    """The hypergeometric tail, in whole numbers."""
    marked, whole = reference + window, reference_size + window_size
    most = min(marked, window_size)
    terms = (comb(marked, k) * comb(whole - marked, window_size - k) for k in range(window, most + 1))
    return float(Fraction(sum(terms), comb(whole, window_size)))


@pytest.mark.parametrize("sizes", [(1, 1), (7, 3), (3, 7), (12, 12)])
def test_a_share_is_tested_exactly_in_every_table_of_small_numbers(sizes: tuple[int, int]) -> None:
    for reference in range(sizes[0] + 1):
        for window in range(sizes[1] + 1):
            table = (reference, sizes[0], window, sizes[1])
            assert share_rise(*table) == pytest.approx(exact_rise(*table), abs=1e-12), table


@pytest.mark.parametrize(
    "table", [(40, 2000, 60, 500), (0, 2000, 500, 500), (2000, 2000, 500, 500), (1, 20_000, 9, 100)]
)
def test_a_share_is_tested_exactly_in_large_samples(table: tuple[int, int, int, int]) -> None:
    assert share_rise(*table) == pytest.approx(exact_rise(*table), rel=1e-6)


@pytest.mark.parametrize(
    "table", [(0, 500, 0, 100), (500, 500, 100, 100), (250, 500, 50, 100)], ids=["none", "all", "the same share"]
)
def test_no_change_of_a_share_is_no_evidence(table: tuple[int, int, int, int]) -> None:
    assert share_change(*table) == 1.0
    assert share_rise(*table) > 0.4


def test_a_change_counts_in_either_direction_and_a_rise_in_one() -> None:
    up, down = (50, 500, 40, 100), (450, 500, 60, 100)
    assert share_change(*up) == pytest.approx(share_change(*down))
    assert share_change(*up) == pytest.approx(2 * share_rise(*up))
    assert share_rise(*down) > 0.999


@pytest.mark.parametrize("freedom", range(1, 12))
def test_a_tail_falls_from_one_to_nothing(freedom: int) -> None:
    tails = [chi_square_tail(statistic, freedom) for statistic in (-1.0, 0.0, 1e-9, 1.0, 5.0, 20.0, 200.0, 5000.0)]
    assert tails[:2] == [1.0, 1.0]
    assert tails == sorted(tails, reverse=True)
    assert 0.0 <= tails[-1] < 1e-300
    assert all(0.0 <= tail <= 1.0 for tail in tails)


@pytest.mark.parametrize("statistic", [0.5, 3.0, 12.0])
def test_more_freedom_makes_the_same_statistic_less_surprising(statistic: float) -> None:
    tails = [chi_square_tail(statistic, freedom) for freedom in range(1, 10)]
    assert tails == sorted(tails)
    assert len(set(tails)) == len(tails)


@pytest.mark.parametrize(
    ("reference", "window"),
    [([5, 5], [0, 0]), ([0, 0], [5, 5]), ([0, 0], [0, 0]), ([9, 0, 0], [4, 0, 0]), ([9], [4])],
)
def test_nothing_to_compare_is_no_drift(reference: list[int], window: list[int]) -> None:
    assert homogeneity(np.asarray(reference), np.asarray(window)) == (1.0, 0.0)


def test_bins_that_neither_sample_uses_change_nothing() -> None:
    reference, window = np.asarray([40, 60, 100]), np.asarray([30, 20, 10])
    padded = [np.insert(each, [1, 3], 0) for each in (reference, window)]
    assert homogeneity(*padded) == pytest.approx(homogeneity(reference, window))


def test_the_order_of_the_bins_and_of_the_samples_does_not_matter() -> None:
    reference, window = np.asarray([40, 60, 100]), np.asarray([30, 20, 10])
    usual = homogeneity(reference, window)
    assert homogeneity(reference[::-1], window[::-1]) == pytest.approx(usual)
    assert homogeneity(window, reference) == pytest.approx(usual)


def test_two_bins_are_pearsons_test_of_a_table_of_four() -> None:
    statistic = 190 * (30 * 45 - 70 * 45) ** 2 / (100 * 90 * 75 * 115)
    p, _ = homogeneity(np.asarray([30, 70]), np.asarray([45, 45]))
    assert p == pytest.approx(erfc(sqrt(statistic / 2)))


def test_samples_that_share_no_bin_differ_as_much_as_can_be_and_by_a_finite_index() -> None:
    p, index = homogeneity(np.asarray([500, 0]), np.asarray([0, 500]))
    assert p < 1e-100
    assert 10 < index < 100


def test_the_index_is_zero_for_equal_shares_and_grows_with_their_distance() -> None:
    usual = np.asarray([100.0, 100.0])
    found = [stability_index(usual, np.asarray([100.0 + moved, 100.0 - moved])) for moved in (0, 10, 40, 90)]
    assert found[0] == pytest.approx(0.0)
    assert found == sorted(found)
    assert found[1] == pytest.approx(0.0100, abs=2e-4)
