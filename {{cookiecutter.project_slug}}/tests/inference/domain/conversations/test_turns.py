"""Messages as turns, and how many of them are read."""

from uuid import UUID

from app.inference.domain.answer import Question
from app.inference.domain.conversations import Turn, bounded, turns_of
from app.inference.domain.conversations.turns import MAX_TEXT_CHARACTERS
from app.inference.domain.replay import HistoryRecord


def test_messages_become_turns_whatever_their_order() -> None:
    said = [
        ("assistant", "Hello."),
        ("user", "A?"),
        ("user", "And B?"),
        ("assistant", "C."),
        ("user", " "),
        ("user", "D?"),
    ]
    assert turns_of(said) == (Turn("", "Hello."), Turn("A?\nAnd B?", "C."), Turn("D?"))


def test_the_last_turns_are_kept_within_both_limits() -> None:
    turns = [Turn(f"question {n}", "x" * 100) for n in range(9)]
    assert bounded(turns, 3, 10_000) == tuple(turns[-3:])
    assert bounded(turns, 9, 250) == tuple(turns[-2:])
    assert bounded(turns, 0, 250) == ()
    [cut] = bounded([Turn("a" * 9_000, "b" * 9_000)], 9, 10_000)
    assert cut.characters == 2 * MAX_TEXT_CHARACTERS


def test_a_history_is_recorded_by_ids_of_stored_answers_and_by_texts_of_others() -> None:
    kept = Turn("A?", "B.", answer_id=UUID(int=7))
    record = HistoryRecord.of(Question("C?", history=(kept, Turn("D?", "E."))), "A? C?")
    again = HistoryRecord.read({"searched_for": "A? C?", "turns": [str(UUID(int=7)), ["D?", "E."]]})
    assert again == record
    assert again.history({UUID(int=7): kept}) == (kept, Turn("D?", "E."))
    assert again.history({}) == (Turn("D?", "E."),)
