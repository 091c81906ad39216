"""Which questions of a pattern are proposed: the most typical ones, each once."""

from uuid import UUID

import pytest

from app.core.clock import ManualClock
from app.monitoring.service.failure_cases import each_question_once
from tests.monitoring.traffic import record_of

CLOCK = ManualClock()


@pytest.mark.parametrize(
    ("asked", "proposed"),
    [
        ("", ""),
        ("a", "a1"),
        ("aaa", "a1"),
        ("abc", "a1 b2 c3"),
        ("abac", "a1 b2 c4"),  # the most typical question stays the first, however often it is asked again
        ("abcba", "a1 b2 c3"),
        ("aAa", "a1 A2"),  # another spelling is another question
    ],
)
def test_the_same_question_is_proposed_once_at_its_first_place(asked: str, proposed: str) -> None:
    records = [record_of(CLOCK, question, id=UUID(int=number)) for number, question in enumerate(asked, 1)]
    assert " ".join(f"{each.question}{each.id.int}" for each in each_question_once(records)) == proposed
