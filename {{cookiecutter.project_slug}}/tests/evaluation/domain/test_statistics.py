"""The statistics of the gate, tested in simulations with a known effect (larger ones: benchmarks/)."""

import numpy as np
import pytest

from app.evaluation.domain.resampling import estimate, estimates, sum_by_cluster
from app.evaluation.domain.statistics import Estimate, detectable, holm, more_cases
from benchmarks.gate_simulation import TOLERANCE, coverage, policy, verdicts
from benchmarks.simulated_runs import KINDS, SUITES, Kind, World, suite

FALLS = (0.0, 0.05, 0.1, 0.15)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cases", "documents"), SUITES)
def test_the_95_percent_interval_covers_the_truth_in_95_of_100_runs(kind: Kind, cases: int, documents: int) -> None:
    held = [coverage(kind, cases, documents, 500, fall, seed=3) for fall in FALLS]
    assert sum(held) / len(held) == pytest.approx(0.95, abs=0.02)


@pytest.mark.slow
def test_a_fall_of_18_points_is_detected_with_the_power_of_the_policy() -> None:
    found = verdicts(fall=0.18, cases=80, documents=30, runs=300, seed=5)
    assert found["named"] >= policy().power
    assert found["stopped"] >= 0.99
    assert found["detectable"] == pytest.approx(0.17, abs=0.01)


@pytest.mark.slow
def test_a_release_that_fell_by_the_tolerance_is_stopped() -> None:
    assert verdicts(fall=TOLERANCE, cases=80, documents=30, runs=200, seed=6)["stopped"] >= 0.93


@pytest.mark.slow
def test_a_release_that_did_not_fall_is_hardly_ever_failed() -> None:
    found = verdicts(fall=0.0, cases=80, documents=30, runs=200, seed=7)
    assert found["named"] + found["wrongly_failed"] <= 0.05


def test_cases_of_one_document_count_for_less_than_cases_of_many() -> None:
    changes = [-1.0, -1.0, -1.0, -1.0, 0.0, 0.0, 0.0, 0.0] * 6
    together = estimate(changes, [f"d{number // 4}" for number in range(48)], 0.05, 2000, seed=1)
    apart = estimate(changes, [f"d{number}" for number in range(48)], 0.05, 2000, seed=1)
    assert together.difference == apart.difference
    assert together.high - together.low > apart.high - apart.low
    assert (together.clusters, apart.clusters) == (12, 48)


def test_one_large_document_counts_for_few_cases() -> None:
    names = ["big"] * 20 + [f"d{number}" for number in range(20)]
    found = estimate([0.1] * 40, names, 0.05, 1000, seed=1)
    assert found.clusters == 21
    assert found.effective_clusters == pytest.approx(40**2 / (20**2 + 20))


def test_an_interval_of_no_differences_is_a_point() -> None:
    found = estimate([0.0] * 30, [str(number) for number in range(30)], 0.05, 1000, seed=1)
    assert (found.low, found.difference, found.high, found.error, found.p) == (0, 0, 0, 0, 1)


def test_one_document_is_no_evidence_of_a_fall() -> None:
    assert estimate([-1.0] * 30, ["the only one"] * 30, 0.05, 1000, seed=1).p >= 0.5


def test_a_p_value_over_few_documents_enumerates_all_signs() -> None:
    found = estimate([-1.0] * 5, list("abcde"), 0.05, 1000, seed=1)
    assert found.p == pytest.approx(1 / 32)


@pytest.mark.slow
def test_without_a_fall_one_p_value_in_twenty_is_below_a_twentieth() -> None:
    rng = np.random.default_rng(8)
    where = suite(80, 30, rng)
    before, after = World("facts", 0.0).draw(where, 2000, rng)
    found = estimates(sum_by_cluster(after - before, where), 0.05, 1000, seed=8)
    assert float((found.p < 0.05).mean()) == pytest.approx(0.05, abs=0.02)


def test_holm_multiplies_the_smallest_by_all_and_never_lets_a_larger_one_overtake() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


FOUND = Estimate(80, 30, 25.0, -0.02, -0.1, 0.06, 0.3, 0.04)


def test_a_difference_nearer_to_the_tolerance_needs_more_cases() -> None:
    numbers = [more_cases(FOUND, tolerance, 0.05, 0.8, 1) for tolerance in (0.2, 0.1, 0.05, 0.03)]
    assert all(numbers)
    assert numbers == sorted(numbers, key=lambda number: number or 0)
    assert len(set(numbers)) == 4


def test_at_the_tolerance_no_number_of_cases_is_given() -> None:
    assert more_cases(FOUND, 0.02, 0.05, 0.8, 1) is None
    assert more_cases(FOUND, 0.0201, 0.05, 0.8, 1) is None


def test_the_detectable_fall_grows_with_power_number_of_metrics_and_tolerance() -> None:
    assert detectable(FOUND, 0.05, 0.05, 0.9, 5) > detectable(FOUND, 0.05, 0.05, 0.8, 5)
    assert detectable(FOUND, 0.05, 0.05, 0.8, 5) > detectable(FOUND, 0.05, 0.05, 0.8, 1)
    assert detectable(FOUND, 0.5, 0.05, 0.8, 1) > 0.5
