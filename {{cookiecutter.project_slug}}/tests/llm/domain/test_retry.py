import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.llm.domain.retry import MAX_BACKOFF, RetryBudget, backoff


@given(st.lists(st.booleans(), max_size=400))
def test_retries_are_at_most_a_tenth_of_the_calls_plus_ten(needed: list[bool]) -> None:
    budget, calls, retries = RetryBudget(), 0, 0
    for retry in needed:
        budget.deposit()
        calls += 1
        retries += retry and budget.withdraw()
    assert retries <= calls * 0.1 + 10


@given(st.integers(1, 12), st.floats(0, 1))
def test_the_backoff_is_between_zero_and_its_ceiling(attempt: int, chance: float) -> None:
    assert 0 <= backoff(attempt, chance) <= min(MAX_BACKOFF, 0.1 * 2 ** (attempt - 1))


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.1), (2, 0.2), (5, 1.6), (6, 2.0), (12, 2.0)])
def test_the_ceiling_of_the_backoff_doubles_from_a_tenth_of_a_second_to_two(attempt: int, seconds: float) -> None:
    assert backoff(attempt, 1.0) == pytest.approx(seconds)
    assert backoff(attempt, 0.5) == pytest.approx(seconds / 2)


def test_a_full_budget_gives_ten_retries_and_a_tenth_for_each_call() -> None:
    budget = RetryBudget()
    budget.deposit()
    assert [budget.withdraw() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(9):
        budget.deposit()
    assert not budget.withdraw()
    for _ in range(2):
        budget.deposit()
    assert (budget.withdraw(), budget.withdraw()) == (True, False)
