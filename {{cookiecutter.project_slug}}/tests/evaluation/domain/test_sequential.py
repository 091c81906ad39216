import math
from statistics import fmean, variance

import numpy as np
import pytest

from app.evaluation.domain.sequential import Sample, always_valid_p, harm_evidence


def sample(values: list[float] | np.ndarray, per_unit: int = 1) -> Sample:
    taken = np.asarray(values, dtype=np.float64)
    return Sample(np.arange(len(taken), dtype=np.intp) // per_unit, taken)


def noise(seed: int, count: int, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1.0, count)


def test_evidence_grows_with_the_answers_when_there_is_harm() -> None:
    control, canary = noise(1, 4000), noise(2, 4000, mean=0.3)
    found = [
        harm_evidence(sample(control[:count]), sample(canary[:count]), 0.3, False).log_harm for count in (50, 200, 800)
    ]
    assert found == sorted(found)
    assert always_valid_p(found[-1]) < 1e-4


def test_evidence_shrinks_with_the_answers_when_there_is_none() -> None:
    control, canary = noise(3, 8000), noise(4, 8000)
    found = harm_evidence(sample(control), sample(canary), 0.3, False)
    assert found.log_harm < 0
    assert always_valid_p(found.log_harm) == 1
    assert always_valid_p(found.log_no_harm) < 1e-6


@pytest.mark.slow
def test_a_hundred_looks_keep_the_error_rate() -> None:
    """A test made for one look would raise an alarm in a third of these runs."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(400):
        control, canary = (rng.normal(0, 1, 2000) for _ in range(2))
        alarms += any(
            harm_evidence(sample(control[:count]), sample(canary[:count]), 0.2, False).log_harm >= np.log(20)
            for count in range(60, 2001, 20)
        )
    assert alarms / 400 <= 0.05


def test_answers_of_one_unit_count_as_one() -> None:
    control, canary = np.repeat(noise(6, 100), 10), np.repeat(noise(7, 100, mean=0.5), 10)
    alone = harm_evidence(sample(control), sample(canary), 0.3, False)
    together = harm_evidence(sample(control, 10), sample(canary, 10), 0.3, False)
    assert together.harm == pytest.approx(alone.harm)
    assert together.error == pytest.approx(alone.error * np.sqrt(10), rel=0.02)
    assert together.log_harm < alone.log_harm


def test_shares_have_a_variance_before_the_first_error() -> None:
    found = harm_evidence(sample([0.0] * 900), sample([0.0] * 100), 0.03, True)
    assert found.error > 0
    assert always_valid_p(found.log_no_harm) > 0.05
    assert always_valid_p(harm_evidence(sample([0.0] * 9000), sample([0.0] * 1000), 0.03, True).log_no_harm) < 0.001


def test_constant_values_are_conclusive() -> None:
    same = harm_evidence(sample([2.3] * 100), sample([2.3] * 100), 0.2, False)
    dearer = harm_evidence(sample([2.3] * 100), sample([4.6] * 100), 0.2, False)
    assert (always_valid_p(same.log_harm), always_valid_p(same.log_no_harm)) == (1, 0)
    assert (always_valid_p(dearer.log_harm), always_valid_p(dearer.log_no_harm)) == (0, 1)
    hardly = harm_evidence(sample([1.0] * 100), sample([1.0 + 1.5e-9] * 100), 0.2, False)
    assert always_valid_p(hardly.log_harm) == 0


def test_differences_near_the_rounding_are_none() -> None:
    rounded = sample([1.0 + 1e-11 * (number % 3) for number in range(100)])
    assert harm_evidence(rounded, rounded, 0.2, False).log_harm == 0


def test_a_canary_that_is_far_better_is_no_harm_and_no_overflow() -> None:
    found = harm_evidence(sample(noise(8, 2000)), sample(noise(9, 2000, mean=-50.0)), 0.2, False)
    assert found.log_harm < 0
    assert always_valid_p(found.log_no_harm) < 1e-100 or always_valid_p(found.log_no_harm) == 0


def log_evidence(harm: float, variance: float, scale: float, freedom: float) -> float:
    """By numerical integration over the half normal prior, with Wallace's normal score of Student's t."""
    error = math.sqrt(variance)
    z = harm / error * (1 - 1 / (4 * freedom)) / math.sqrt(1 + harm**2 / variance / (2 * freedom))
    sizes = np.linspace(0, 12 * scale, 200_001)
    prior = 2 * np.exp(-(sizes**2) / (2 * scale**2)) / (scale * math.sqrt(2 * math.pi))
    likelihood_ratio = np.exp(z * sizes / error - sizes**2 / (2 * variance))
    return math.log(np.trapezoid(prior * likelihood_ratio, sizes))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_evidence_is_the_mixture_of_likelihood_ratios(sign: int) -> None:
    control, canary = [1.0, 2.0, 3.0, 5.0], [sign * 2.0, 3.5, 4.0, 7.0, 9.0]
    found = harm_evidence(sample(control), sample(canary), 0.8, False)
    parts = [variance(each) / len(each) for each in (control, canary)]
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(each) - 1) for part, each in zip(parts, (control, canary), strict=True)
    )
    harm = fmean(canary) - fmean(control)
    assert (found.control, found.canary) == (fmean(control), fmean(canary))
    assert (found.harm, found.error) == (pytest.approx(harm), pytest.approx(math.sqrt(sum(parts))))
    assert found.log_harm == pytest.approx(log_evidence(harm, sum(parts), 0.8, freedom), abs=1e-6)
    assert found.log_no_harm == pytest.approx(log_evidence(0.8 - harm, sum(parts), 0.8, freedom), abs=1e-6)


def test_the_evidence_of_shares_without_an_error_is_that_of_a_prior_share() -> None:
    found = harm_evidence(sample([0.0] * 90), sample([0.0] * 10), 0.03, True)
    share = 1 / 102
    worse = share + 0.03
    none = share * (1 - share) / 90 + share * (1 - share) / 10
    full = share * (1 - share) / 90 + worse * (1 - worse) / 10
    assert found.error == pytest.approx(math.sqrt(none))
    assert found.log_harm == pytest.approx(log_evidence(0.0, none, 0.03, 10), abs=1e-6)
    assert found.log_no_harm == pytest.approx(log_evidence(0.03, full, 0.03, 10), abs=1e-6)


def test_a_share_that_has_errors_everywhere_cannot_be_worse() -> None:
    found = harm_evidence(sample([1.0] * 8), sample([1.0] * 4), 0.5, True)
    share = 13 / 14
    assert found.error == pytest.approx(math.sqrt(share * (1 - share) / 8 + share * (1 - share) / 4))
    assert found.log_no_harm == pytest.approx(log_evidence(0.5, found.error**2, 0.5, 4), abs=1e-6)


def test_answers_are_gathered_by_their_unit() -> None:
    found = Sample.of([("a", 1.0), ("b", 2.0), ("a", 3.0)])
    assert (found.units.tolist(), found.values.tolist(), found.answers) == ([0, 1, 0], [1.0, 2.0, 3.0], 3)


def test_an_arm_of_one_unit_has_no_more_freedom_than_one() -> None:
    one = Sample(np.zeros(4, dtype=np.intp), np.array([1.0, 2.0, 3.0, 4.0]))
    found = harm_evidence(sample([1.0, 4.0]), one, 0.5, False)
    assert found.error == pytest.approx(math.sqrt(4.5 / 2))
    assert found.log_harm == pytest.approx(log_evidence(0.0, 4.5 / 2, 0.5, 1), abs=1e-6)


@pytest.mark.parametrize(("evidence", "p"), [(-1.0, 1.0), (0.0, 1.0), (1.0, math.exp(-1)), (math.inf, 0.0)])
def test_the_p_value_of_evidence(evidence: float, p: float) -> None:
    assert always_valid_p(evidence) == pytest.approx(p)
