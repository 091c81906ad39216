"""Which questions were asked again, at the bounds of time, of likeness and of how many are compared."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from app.monitoring.domain.reasking import MAX_COMPARED, AskedQuestion, asked_again, asker_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def ask(
    number: int, words: str = "reset password", after: timedelta | None = None, asker: str = "ana"
) -> AskedQuestion:
    at = NOW + (timedelta(minutes=number) if after is None else after)
    return AskedQuestion(UUID(int=number), asker, at, frozenset(words.split()))


def again(*questions: AskedQuestion, overlap: float = 0.5) -> set[int]:
    return {each.int for each in asked_again(questions, DAY, overlap)}


def test_nothing_and_one_question_are_not_asked_again() -> None:
    assert again() == set()
    assert again(ask(1)) == set()


def test_the_last_of_several_is_the_one_that_was_not_asked_again() -> None:
    for order in permutations([ask(1), ask(2), ask(3)]):
        assert again(*order) == {1, 2}


@pytest.mark.parametrize(("after", "found"), [(DAY, {1}), (DAY + timedelta(microseconds=1), set())])
def test_the_time_counts_to_its_end(after: timedelta, found: set[int]) -> None:
    assert again(ask(1, after=timedelta(0)), ask(2, after=after)) == found


def test_of_two_at_one_moment_the_first_by_its_id_was_asked_again() -> None:
    pair = ask(1, after=timedelta(0)), ask(2, after=timedelta(0))
    assert again(*pair) == again(*reversed(pair)) == {1}


@pytest.mark.parametrize(
    ("words", "overlap", "found"),
    [
        ("reset password", 1.0, {1}),
        ("reset password now", 1.0, set()),
        ("reset", 0.5, {1}),
        ("reset account", 0.5, set()),
        ("reset account", 1 / 3, {1}),
        ("cancel order", 0.01, set()),
        ("", 0.01, set()),
    ],
)
def test_the_share_of_the_words_of_both_decides(words: str, overlap: float, found: set[int]) -> None:
    assert again(ask(1), ask(2, words), overlap=overlap) == found


def test_questions_between_are_no_obstacle_until_there_are_too_many() -> None:
    def between(amount: int) -> set[int]:
        others = [ask(number + 2, f"other {number}") for number in range(amount)]
        return again(ask(1), *others, ask(1000, after=timedelta(hours=20)), overlap=0.9)

    assert between(MAX_COMPARED - 1) == {1}
    assert between(MAX_COMPARED) == set()


def test_what_others_ask_meanwhile_is_not_counted() -> None:
    others = [ask(number + 2, asker="bob") for number in range(3)]
    assert again(ask(1), *others) == {2, 3}


def test_a_conversation_that_is_named_as_a_key_is_no_key() -> None:
    tenant, key = UUID(int=7), UUID(int=9)
    assert asker_of(f"key {key}", tenant, key) != asker_of(str(tenant), tenant, key)
    assert asker_of(str(tenant), tenant, None) == "key None"
    assert asker_of("c", tenant, key) == asker_of("c", tenant, None)
