"""The simulation of drift: its traffic is what it says, and it can tell a bad rule from a good one."""

import numpy as np
import pytest

from app.monitoring.domain.drift.baseline import BINNED, Baseline
from app.monitoring.domain.drift.drift_policy import DriftPolicy
from app.monitoring.domain.drift.signals import PERIOD_DAYS
from benchmarks.drift_simulation import DIMENSIONS, Pool, World, detection, month, volumes

Simulated = tuple[World, Baseline, Pool]


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    rng = np.random.default_rng(11)
    world = World.draw(rng)
    baseline = Baseline.fit(world.sample(1000, rng))
    return world, baseline, Pool.of(baseline, world.sample(2000, rng))


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_traffic_that_grows_ends_ten_times_as_large() -> None:
    days = volumes(rng_of(1), 10.0)
    assert len(days) == PERIOD_DAYS
    assert 4 < np.mean(days[-3:]) / np.mean(days[:3]) < 20


def test_a_new_topic_has_the_share_that_was_asked_for() -> None:
    world = World.draw(rng_of(2))
    new = world.centres[-1] / np.linalg.norm(world.centres[-1])
    sample = world.sample(2000, rng_of(3), unseen=0.1)
    assert sample.vectors.shape == (2000, DIMENSIONS)
    assert np.mean(sample.vectors @ new > 0.6) == pytest.approx(0.1, abs=0.03)


def test_a_reference_has_every_signal_of_the_window(simulated: Simulated) -> None:
    _, baseline, pool = simulated
    assert pool.bins.shape == (2000, len(BINNED))
    assert set(baseline.counts) == set(BINNED)
    assert all(baseline.counts[name].sum() > 0 for name in BINNED)


def test_the_reference_itself_is_uncovered_as_rarely_as_it_was_made(simulated: Simulated) -> None:
    _, baseline, pool = simulated
    counts = baseline.counts["uncovered"]
    assert counts[1] / counts.sum() == pytest.approx(0.02, abs=0.005)
    assert pool.bins[:, BINNED.index("uncovered")].mean() == pytest.approx(0.02, abs=0.02)


@pytest.mark.slow
def test_a_rule_that_ignores_the_number_of_looks_alarms_on_nothing(simulated: Simulated) -> None:
    """Without the division of the chance, and with any effect counted: so the simulation would find it."""
    _, baseline, pool = simulated
    careless = DriftPolicy(alpha=0.999999, min_share=0.0, min_shift=0.0)
    found = [month(baseline, pool, careless, rng_of(seed), 1.0) for seed in range(2)]
    careful = [month(baseline, pool, DriftPolicy(), rng_of(seed), 1.0) for seed in range(2)]
    assert sum(map(len, found)) >= sum(map(len, careful))
    assert sum(map(bool, careful)) <= 1


def test_a_new_topic_is_found_within_five_hundred_questions(simulated: Simulated) -> None:
    world, baseline, pool = simulated
    delays = [detection(world, baseline, pool, DriftPolicy(), rng_of(seed)) for seed in range(3)]
    assert np.median(delays) <= 500


def test_a_rule_that_wants_too_much_finds_nothing(simulated: Simulated) -> None:
    world, baseline, pool = simulated
    blind = DriftPolicy(min_share=0.9, min_shift=50.0)
    assert detection(world, baseline, pool, blind, rng_of(1)) == 10_000


@pytest.mark.parametrize(
    "values", [{"alpha": 0}, {"alpha": 1}, {"window": 10}, {"step": 1}, {"min_share": -0.1}, {"psi": 0.25}]
)
def test_a_policy_that_makes_no_sense_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        DriftPolicy.model_validate(values)


def test_every_signal_is_looked_at_in_the_order_of_its_name(simulated: Simulated) -> None:
    _, baseline, pool = simulated
    checks = baseline.check(pool.bins[:500], 0.01)
    assert tuple(each.signal for each in checks) == BINNED
    assert {each.window for each in checks if each.signal in ("uncovered", "topics", "refusals")} == {500}


def test_more_tenants_make_each_look_stricter(simulated: Simulated) -> None:
    _, baseline, pool = simulated
    usual, stricter = (baseline.check(pool.bins[:500], alpha) for alpha in (0.02, 0.01))
    assert [each.p for each in usual] == [each.p for each in stricter]
    assert [each.alpha / 2 for each in usual] == [each.alpha for each in stricter]
