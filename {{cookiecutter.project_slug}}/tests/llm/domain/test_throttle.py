import random

import pytest

from app.llm.domain.throttle import Throttle


def test_the_throttle_accepts_all_calls_while_the_provider_does() -> None:
    throttle = Throttle()
    for n in range(100):
        assert not throttle.rejects(n * 0.01, 0.0001)
        throttle.record(n * 0.01, True)


def test_the_throttle_rejects_most_calls_while_the_provider_does_and_recovers_in_ten_seconds() -> None:
    chance, throttle = random.Random(7), Throttle()
    rejected = 0
    for n in range(200):
        if throttle.rejects(n * 0.01, chance.random()):
            rejected += 1
        else:
            throttle.record(n * 0.01, False)
    assert rejected > 150
    assert not throttle.rejects(20.0, 0.0)


@pytest.mark.parametrize(
    ("accepted", "refused", "fraction", "rejected"),
    [
        (0, 9, 0.0, False),
        (0, 10, 0.9, True),
        (0, 10, 10 / 11, False),
        (5, 5, 0.0, False),
        (4, 6, 0.18, True),
        (4, 6, 0.19, False),
    ],
)
def test_a_call_is_rejected_with_the_probability_of_the_excess(
    accepted: int, refused: int, fraction: float, rejected: bool
) -> None:
    throttle = Throttle()
    for number in range(accepted + refused):
        throttle.record(0.0, number < accepted)
    assert throttle.rejects(10.0, fraction) is rejected


def test_a_rejected_call_counts_as_one_that_was_not_accepted() -> None:
    throttle = Throttle()
    for _ in range(10):
        throttle.record(0.0, False)
    assert throttle.rejects(1.0, 0.0)
    assert throttle.rejects(10.1, 0.0) is False, "the ten are too old, and one alone is too few"
    for number in range(9):
        throttle.record(10.2, number < 5)
    assert not throttle.rejects(10.2, 0.0)
    throttle.record(10.2, False)
    assert throttle.rejects(10.2, 0.0)


def test_accepted_calls_are_forgotten_with_their_time_and_at_a_reset() -> None:
    throttle = Throttle()
    for _ in range(20):
        throttle.record(0.0, True)
    for _ in range(10):
        throttle.record(10.1, False)
    assert throttle.rejects(10.1, 0.9)
    throttle.record(10.1, True)
    throttle.reset()
    for _ in range(9):
        throttle.record(10.1, False)
    assert not throttle.rejects(10.1, 0.0)
    throttle.record(10.1, False)
    assert throttle.rejects(10.1, 0.9)
