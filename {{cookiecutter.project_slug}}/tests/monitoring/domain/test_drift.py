"""Drift is significant by the sizes of the samples, and large enough; and each signal sees its own change."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.monitoring.domain.drift.baseline import BINNED, Baseline, TrafficSample
from app.monitoring.domain.drift.drift_policy import DriftPolicy
from app.monitoring.domain.drift.homogeneity import chi_square_tail, homogeneity, share_change, share_rise
from app.monitoring.domain.drift.kernel import KernelFeatures, discrepancy
from app.monitoring.domain.drift.signals import SIGNALS, SignalCheck, alpha_of_look, is_healthy
from benchmarks.drift_simulation import World

POLICY = DriftPolicy()
ALPHA = alpha_of_look(POLICY)


class TestHomogeneity:
    @pytest.mark.parametrize(
        ("statistic", "freedom", "tail"),
        [(3.841, 1, 0.05), (5.991, 2, 0.05), (16.919, 9, 0.05), (27.877, 9, 0.001), (29.588, 10, 0.001), (0, 3, 1.0)],
    )
    def test_the_tail_is_that_of_the_tables(self, statistic: float, freedom: int, tail: float) -> None:
        assert chi_square_tail(statistic, freedom) == pytest.approx(tail, rel=2e-3)

    def test_a_share_is_tested_exactly(self) -> None:
        assert share_rise(0, 2, 2, 2) == pytest.approx(1 / 6)
        assert share_rise(3, 10, 0, 10) == pytest.approx(1.0)
        assert share_change(50, 100, 50, 100) == 1.0
        assert share_change(50, 100, 0, 100) < 1e-12

    @pytest.mark.parametrize("size", [50, 200, 1000])
    def test_the_false_alarms_are_those_that_were_asked_for_at_every_size(self, size: int) -> None:
        rng = np.random.default_rng(size)
        draws = [[rng.multinomial(n, np.full(8, 1 / 8)) for n in (2000, size)] for _ in range(1500)]
        found = [homogeneity(*draw) for draw in draws]
        assert np.mean([p <= 0.05 for p, _ in found]) == pytest.approx(0.05, abs=0.02)

    def test_the_customary_limit_of_the_index_alarms_on_nothing_with_few_answers(self) -> None:
        rng = np.random.default_rng(1)
        draws = [[rng.multinomial(n, np.full(10, 0.1)) for n in (2000, 50)] for _ in range(200)]
        found = [homogeneity(*draw) for draw in draws]
        assert np.mean([index > 0.1 for _, index in found]) > 0.5
        assert np.mean([p <= 0.01 for p, _ in found]) < 0.05

    def test_one_bin_says_nothing(self) -> None:
        assert homogeneity(np.asarray([5, 0]), np.asarray([7, 0])) == (1.0, 0.0)


class TestKernel:
    @pytest.mark.slow
    def test_the_same_distribution_is_rarely_and_another_surely_told_apart(self) -> None:
        rng = np.random.default_rng(2)
        vectors = rng.standard_normal((400, 8)).astype(np.float32)
        features = KernelFeatures.fit(vectors)
        usual, moved = features.of(vectors[:200]), features.of(vectors[200:] + np.float32(0.5))
        assert discrepancy(usual, features.of(vectors[200:]), 0.001)[0] > 0.02
        p, effect = discrepancy(usual, moved, 0.001)
        assert (p < 0.002, effect > 0) == (True, True)

    def test_p_values_are_uniform_without_drift(self) -> None:
        rng = np.random.default_rng(3)
        found = [discrepancy(*(rng.standard_normal((60, 4)) for _ in range(2)), 0.05, seed=n)[0] for n in range(200)]
        assert np.mean([p <= 0.2 for p in found]) == pytest.approx(0.2, abs=0.09)


class TestAlpha:
    def test_the_chance_is_divided_among_signals_looks_and_tenants(self) -> None:
        assert ALPHA * len(SIGNALS) * 30 * 24 == pytest.approx(POLICY.alpha)
        assert alpha_of_look(POLICY, tenants=4) == pytest.approx(ALPHA / 4)
        assert alpha_of_look(POLICY, 1) == pytest.approx(24 * ALPHA)

    def test_what_is_significant_and_small_is_no_drift(self) -> None:
        check = SignalCheck("uncovered", 1e-9, ALPHA, 0.01, 2000, 500)
        assert not check.drifted(POLICY)
        assert replace(check, effect=0.05).drifted(POLICY)
        assert not replace(check, effect=0.05, p=0.01).drifted(POLICY)
        assert not replace(check, signal="topics", effect=0.04).drifted(POLICY)
        assert replace(check, signal="questions", effect=0.001).drifted(POLICY)

    def test_a_week_of_refusals_or_of_too_few_answers_is_no_reference(self) -> None:
        assert is_healthy(100, 50, 1000, POLICY)
        assert not is_healthy(600, 0, 1000, POLICY)
        assert not is_healthy(0, 300, 1000, POLICY)
        assert not is_healthy(0, 0, 499, POLICY)


@pytest.fixture(scope="module")
def usual() -> tuple[World, Baseline]:
    rng = np.random.default_rng(5)
    world = World.draw(rng)
    return world, Baseline.fit(world.sample(2000, rng))


def drifted(baseline: Baseline, sample: TrafficSample) -> set[str]:
    checks = baseline.check(baseline.binning.of(sample), ALPHA)
    return {each.signal for each in checks if each.drifted(POLICY)}


class TestSignals:
    def test_more_of_the_same_is_no_drift(self, usual: tuple[World, Baseline]) -> None:
        world, baseline = usual
        sample = world.sample(500, np.random.default_rng(6))
        assert drifted(baseline, sample) == set()
        assert not baseline.check_questions(sample.vectors, alpha_of_look(POLICY, 1)).drifted(POLICY)

    @pytest.mark.slow
    def test_a_new_topic_is_seen_and_its_questions_are_the_examples(self, usual: tuple[World, Baseline]) -> None:
        world, baseline = usual
        sample = world.sample(500, np.random.default_rng(7), unseen=0.3)
        assert "uncovered" in drifted(baseline, sample)
        assert baseline.check_questions(sample.vectors, alpha_of_look(POLICY, 1)).drifted(POLICY)
        bins = baseline.binning.of(sample)
        shown = baseline.examples("questions", bins)
        assert len(shown) == 5
        assert (bins[shown, BINNED.index("uncovered")] == 1).all()

    @pytest.mark.parametrize(
        ("signal", "values"),
        [
            ("refusals", {"refusal": "off_topic"}),
            ("retrieval_scores", {"top_score": 0.1}),
            ("languages", {"question": "Comment réserver une salle pour nous?"}),
            ("sources", {"sources": ("new",)}),
            ("costs", {"cost_micro_usd": 5000}),
            ("latency", {"latency_ms": 9000.0}),
            ("answer_length", {"answer_characters": 5000, "refusal": ""}),
        ],
    )
    def test_a_change_of_a_third_of_the_answers_is_seen(
        self, usual: tuple[World, Baseline], signal: str, values: dict[str, Any]
    ) -> None:
        world, baseline = usual
        sample = world.sample(500, np.random.default_rng(8))
        records = [replace(each, **values) if n % 3 == 0 else each for n, each in enumerate(sample.records)]
        assert signal in drifted(baseline, replace(sample, records=records))

    def test_a_model_that_is_new_has_no_usual_latency(self, usual: tuple[World, Baseline]) -> None:
        world, baseline = usual
        sample = world.sample(500, np.random.default_rng(9))
        records = [replace(each, model="other", latency_ms=9000.0) for each in sample.records]
        assert "latency" not in drifted(baseline, replace(sample, records=records))
