import random

from app.llm.domain.throttle import Throttle


def test_the_throttle_takes_everything_while_the_provider_does() -> None:
    throttle = Throttle()
    for n in range(100):
        assert not throttle.rejects(n * 0.01, 0.0001)
        throttle.record(n * 0.01, True)


def test_the_throttle_refuses_most_while_the_provider_takes_nothing_and_forgets_in_ten_seconds() -> None:
    chance, throttle = random.Random(7), Throttle()
    refused = 0
    for n in range(200):
        if throttle.rejects(n * 0.01, chance.random()):
            refused += 1
        else:
            throttle.record(n * 0.01, False)
    assert refused > 150
    assert not throttle.rejects(20.0, 0.0)
