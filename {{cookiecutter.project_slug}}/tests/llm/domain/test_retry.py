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
