"""The discrepancy of two samples where they are equal, few, or of another scale."""

import numpy as np
import pytest

from app.monitoring.domain.drift.kernel import FEATURES, KernelFeatures, discrepancy
from app.monitoring.domain.question_vectors import QuestionArray, normalised


def drawn(count: int, seed: int, dimensions: int = 16) -> QuestionArray:
    rows = np.random.default_rng(seed).standard_normal((count, dimensions))
    return normalised(rows.astype(np.float32))


@pytest.mark.parametrize(("reference", "window"), [(400, 500), (400, 100), (60, 33), (2, 1)])
@pytest.mark.parametrize("seed", range(5))
def test_where_everybody_asks_the_same_there_is_no_drift(seed: int, reference: int, window: int) -> None:
    one = drawn(1, seed)
    usual = np.repeat(one, reference, axis=0)
    kernel = KernelFeatures.fit(usual)
    p, effect = discrepancy(kernel.of(usual), kernel.of(np.repeat(one, window, axis=0)), 0.001)
    assert p == 1.0
    assert effect == pytest.approx(0.0, abs=1e-9)


def test_the_few_questions_that_all_ask_in_other_shares_are_drift() -> None:
    questions = drawn(3, 1)
    usual = questions[np.arange(400) % 3]
    kernel = KernelFeatures.fit(usual)
    same, other = questions[np.arange(120) % 3], questions[np.zeros(120, dtype=int)]
    assert discrepancy(kernel.of(usual), kernel.of(same), 0.001)[0] > 0.5
    assert discrepancy(kernel.of(usual), kernel.of(other), 0.001)[0] < 0.002


def test_each_row_of_features_has_the_length_one_and_near_vectors_near_features() -> None:
    vectors = drawn(50, 2)
    features = KernelFeatures.fit(vectors).of(vectors)
    assert features.shape == (50, FEATURES)
    assert np.linalg.norm(features, axis=1) == pytest.approx(np.ones(50))
    products, cosines = features @ features.T, vectors @ vectors.T
    upper = np.triu_indices(50, 1)
    assert np.corrcoef(products[upper], cosines[upper])[0, 1] > 0.8


def test_the_width_of_the_kernel_follows_the_scale_of_the_vectors() -> None:
    vectors = drawn(80, 3)
    small, large = (KernelFeatures.fit(np.asarray(vectors * by, dtype=np.float32)) for by in (0.01, 100))
    one = small.of(np.asarray(vectors * 0.01, dtype=np.float32))
    assert one == pytest.approx(large.of(np.asarray(vectors * 100, dtype=np.float32)), abs=1e-4)


def test_the_same_samples_give_the_same_p_value() -> None:
    kernel = KernelFeatures.fit(drawn(60, 4))
    samples = kernel.of(drawn(60, 4)), kernel.of(drawn(40, 5))
    assert discrepancy(*samples, 0.01) == discrepancy(*samples, 0.01)
    assert discrepancy(*samples, 0.01, seed=1) != discrepancy(*samples, 0.01)


@pytest.mark.parametrize("least_p", [0.05, 0.01, 0.001])
def test_a_p_value_as_small_as_asked_for_can_be_told_apart(least_p: float) -> None:
    kernel = KernelFeatures.fit(drawn(60, 6))
    far = np.asarray(drawn(60, 7) + 2, dtype=np.float32)
    p, _ = discrepancy(kernel.of(drawn(60, 6)), kernel.of(far), least_p)
    assert least_p / 4 < p < least_p


def test_without_drift_few_permutations_are_enough() -> None:
    kernel = KernelFeatures.fit(drawn(60, 8))
    p, _ = discrepancy(kernel.of(drawn(60, 8)), kernel.of(drawn(60, 9)), 1e-9)
    assert p > 1e-3  # with 2e9 permutations it would not end
