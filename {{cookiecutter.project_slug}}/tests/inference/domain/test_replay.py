"""The stored conditions of an answer, and what makes a replay faithful."""

from dataclasses import asdict
from uuid import UUID

import orjson
import pytest

from app.inference.domain.answer import Question
from app.inference.domain.replay import AnswerConditions, Replay
from tests.inference.domain.passages import evidence, passage

ASKED = Question("Who?", sentences=2, passages=5, max_tokens=64, temperature=None, model="m")


@pytest.mark.parametrize("degraded", [None, "search_timeout"])
@pytest.mark.parametrize("found", [(), (passage(1), passage(2))])
def test_conditions_are_the_same_after_they_were_stored_as_json(degraded: str | None, found: tuple[()]) -> None:
    conditions = AnswerConditions.of(ASKED, {"sales", "board"}, evidence(*found, degraded=degraded))
    assert conditions.groups == ("board", "sales"), "in one order, whatever a set gives"
    assert AnswerConditions.read(orjson.loads(orjson.dumps(asdict(conditions)))) == conditions
    assert conditions.evidence == tuple((each.chunk_id, each.score) for each in found)


def test_the_question_of_the_conditions_has_all_options_that_change_an_answer() -> None:
    conditions = AnswerConditions.of(ASKED, (), evidence())
    assert conditions.question("Who?") == ASKED


@pytest.mark.parametrize(
    ("same_evidence", "same_text", "repeatable", "faithful"),
    [
        (True, True, True, True),
        (True, True, False, True),
        (True, False, False, True),  # a model may write it in other words
        (True, False, True, False),
        (False, True, True, False),
        (False, True, False, False),
    ],
)
def test_a_replay_is_faithful_on_the_same_evidence_with_a_text_that_may_differ_only_by_a_model(
    same_evidence: bool, same_text: bool, repeatable: bool, faithful: bool
) -> None:
    replay = Replay(UUID(int=1), "r", 1, same_evidence, same_text, repeatable, 0, "a", "b", ())
    assert replay.faithful is faithful
