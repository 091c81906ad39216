import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.domain.failures import retry_after
from app.inference.domain.resilience import (
    LONGEST_BACKOFF,
    Breaker,
    RetryBudget,
    Throttle,
    backoff,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_breaker_opens_within_ten_calls_that_fail() -> None:
    breaker, calls = Breaker(), 0
    while breaker.admits(0.0):
        breaker.failed(0.0)
        calls += 1
    assert calls <= 10
    assert breaker.state == "open"


def test_a_breaker_opens_when_half_of_the_last_ten_calls_fail() -> None:
    breaker = Breaker()
    for _ in range(5):
        breaker.succeeded()
        breaker.failed(0.0)
    assert breaker.state == "open"


def test_a_breaker_stays_closed_when_few_calls_fail() -> None:
    breaker = Breaker()
    for n in range(1000):
        breaker.failed(0.0) if n % 4 == 0 else breaker.succeeded()
    assert breaker.state == "closed"


def test_an_open_breaker_lets_one_probe_through_each_rest() -> None:
    breaker = Breaker(rest=2.0)
    for _ in range(5):
        breaker.failed(10.0)
    assert not breaker.admits(11.9)
    assert breaker.admits(12.1)
    assert not breaker.admits(12.2)
    breaker.failed(12.3)
    assert not breaker.admits(14.0)
    assert breaker.admits(14.4)
    assert breaker.succeeded()
    assert breaker.admits(14.5)


def test_a_probe_that_never_reports_does_not_keep_the_breaker_open_for_ever() -> None:
    breaker = Breaker(rest=2.0)
    for _ in range(5):
        breaker.failed(0.0)
    assert breaker.admits(3.0)
    assert breaker.admits(5.1)


@given(st.lists(st.booleans(), max_size=400))
def test_retries_are_a_tenth_of_the_calls_and_ten_more_at_most(wanted: list[bool]) -> None:
    budget, calls, retries = RetryBudget(), 0, 0
    for retry in wanted:
        budget.deposit()
        calls += 1
        retries += retry and budget.withdraw()
    assert retries <= calls * 0.1 + 10


def test_the_throttle_takes_everything_while_the_provider_does() -> None:
    throttle = Throttle()
    for n in range(100):
        assert not throttle.refuses(n * 0.01, 0.0001)
        throttle.record(n * 0.01, True)


def test_the_throttle_refuses_most_while_the_provider_takes_nothing_and_forgets_in_ten_seconds() -> None:
    chance, throttle = random.Random(7), Throttle()
    refused = 0
    for n in range(200):
        if throttle.refuses(n * 0.01, chance.random()):
            refused += 1
        else:
            throttle.record(n * 0.01, False)
    assert refused > 150
    assert not throttle.refuses(20.0, 0.0)


@given(st.integers(1, 12), st.floats(0, 1))
def test_a_wait_is_drawn_from_zero_to_its_ceiling(attempt: int, chance: float) -> None:
    assert 0 <= backoff(attempt, chance) <= min(LONGEST_BACKOFF, 0.1 * 2 ** (attempt - 1))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-4", 0.0),
        ("Tue, 01 Jan 2030 00:00:07 GMT", 7.0),
        ("Mon, 31 Dec 2029 00:00:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_a_date_or_nothing(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
