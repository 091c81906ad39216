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


def test_a_canary_that_is_far_better_is_no_harm_and_no_overflow() -> None:
    found = harm_evidence(sample(noise(8, 2000)), sample(noise(9, 2000, mean=-50.0)), 0.2, False)
    assert found.log_harm < 0
    assert always_valid_p(found.log_no_harm) < 1e-100 or always_valid_p(found.log_no_harm) == 0
