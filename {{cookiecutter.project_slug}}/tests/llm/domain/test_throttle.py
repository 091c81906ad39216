import random

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
