from app.llm.domain.circuit_breaker import CircuitBreaker


def test_a_breaker_opens_within_ten_calls_that_fail() -> None:
    breaker, calls = CircuitBreaker(), 0
    while breaker.allows(0.0):
        breaker.record_failure(0.0)
        calls += 1
    assert calls <= 10
    assert breaker.state == "open"


def test_a_breaker_opens_when_half_of_the_last_ten_calls_fail() -> None:
    breaker = CircuitBreaker()
    for _ in range(5):
        breaker.record_success()
        breaker.record_failure(0.0)
    assert breaker.state == "open"


def test_a_breaker_stays_closed_when_few_calls_fail() -> None:
    breaker = CircuitBreaker()
    for n in range(1000):
        breaker.record_failure(0.0) if n % 4 == 0 else breaker.record_success()
    assert breaker.state == "closed"


def test_an_open_breaker_allows_one_probe_per_interval() -> None:
    breaker = CircuitBreaker(open_seconds=2.0)
    for _ in range(5):
        breaker.record_failure(10.0)
    assert not breaker.allows(11.9)
    assert breaker.allows(12.0)
    assert not breaker.allows(12.2)
    breaker.record_failure(12.3)
    assert not breaker.allows(14.0)
    assert breaker.allows(14.4)
    assert breaker.record_success()
    assert breaker.allows(14.5)
    assert not breaker.record_success()


def test_a_failed_probe_opens_a_breaker_again_although_few_calls_failed() -> None:
    breaker = CircuitBreaker(state="half_open")
    breaker.record_failure(0.0)
    assert breaker.state == "open"


def test_a_breaker_that_closed_forgets_the_failures_before() -> None:
    breaker = CircuitBreaker()
    for _ in range(5):
        breaker.record_failure(0.0)
    breaker.state = "half_open"
    assert breaker.record_success()
    for _ in range(4):
        breaker.record_failure(0.0)
    assert breaker.state == "closed"


def test_failures_that_calls_have_left_behind_count_no_more() -> None:
    breaker = CircuitBreaker()
    for _ in range(4):
        breaker.record_failure(0.0)
    for _ in range(10):
        breaker.record_success()
    breaker.record_failure(0.0)
    assert breaker.state == "closed"


def test_a_probe_without_a_result_does_not_keep_the_breaker_open() -> None:
    breaker = CircuitBreaker(open_seconds=2.0)
    for _ in range(5):
        breaker.record_failure(0.0)
    assert breaker.allows(3.0)
    assert breaker.allows(5.1)
