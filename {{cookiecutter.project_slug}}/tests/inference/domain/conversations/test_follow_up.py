"""Which questions lean on the turns before, and what the rule searches for in their place."""

import pytest

from app.inference.domain.conversations import Turn
from app.inference.domain.conversations.follow_up import MAX_CHARACTERS, needs_context, with_subject

LEAVE = "How many days of leave do part-time employees get?"
BEFORE = (Turn(LEAVE, "They get 15 days."),)
LEANING = (
    "And for trainees?",
    "What about trainees?",
    "How long does it last?",
    "Can I carry them over to the next year?",
    "Which form do I need for that?",
    "Why?",
    "Until when?",
    "Night shift?",
    "No, I meant full-time employees.",
    "Not part-time, full-time.",
)
STANDING = (
    "What is the capital of France?",
    "And how do I rotate an API key?",
    "How do I revoke a key if it was leaked?",
    "Where is the report that shows the verdict?",
    "What does the canteen cost on Fridays?",
    "Is there a canteen for visitors?",
    "What is the pepper?",
    "Another topic: how is a backup restored?",
)
OTHER_LANGUAGES = {
    "de": (
        "Wie viele Tage Urlaub bekommen Teilzeitkräfte?",
        "Und für Auszubildende?",
        "Was kostet ein Backup im Jahr?",
    ),
    "fr": ("Combien de jours de congé ont les employés ?", "Et pour les stagiaires ?", "Où sont les clés du coffre ?"),
    "es": ("¿Cuántos días de permiso tienen los empleados?", "¿Y para los becarios?", "¿Dónde están las llaves rojas?"),
    "pl": ("Ile dni urlopu mają pracownicy?", "A dla stażystów?", "Gdzie są klucze od magazynu?"),
    "ru": ("Сколько дней отпуска у сотрудников?", "А для стажёров?", "Где лежат ключи от склада?"),
    "zh": ("员工有多少天假期？", "那实习生呢？", "仓库的钥匙放在办公室的哪个位置？"),
}


@pytest.mark.parametrize("question", LEANING)
def test_a_question_that_leaves_something_out_gets_the_one_before(question: str) -> None:
    assert needs_context(question, BEFORE)
    found = with_subject(question, BEFORE)
    assert found.startswith(LEAVE)
    assert question.removeprefix("No, I meant ").strip(".") in found


@pytest.mark.parametrize("question", STANDING)
def test_a_question_that_stands_alone_stays_as_it_is(question: str) -> None:
    assert with_subject(question, BEFORE) == question


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_other_languages(language: str) -> None:
    before, leaning, standing = OTHER_LANGUAGES[language]
    turns = (Turn(before, "15"),)
    assert with_subject(leaning, turns) == f"{before} {leaning}"
    assert with_subject(standing, turns) == standing


def test_without_turns_nothing_is_added() -> None:
    assert with_subject("And for trainees?", ()) == "And for trainees?"


def test_what_a_correction_begins_with_is_not_searched_for() -> None:
    assert with_subject("No, I meant full-time employees.", BEFORE) == f"{LEAVE} full-time employees"


def test_the_subject_is_carried_through_several_turns_and_given_up_with_the_topic() -> None:
    turns = (*BEFORE, Turn("And for trainees?", "12 days."))
    assert with_subject("Until when?", turns) == f"{LEAVE} And for trainees? Until when?"
    changed = (*turns, Turn("How is a backup restored?", "By app restore."))
    assert with_subject("How long does it take?", changed) == "How is a backup restored? How long does it take?"


def test_what_was_searched_for_before_counts_and_so_does_what_was_cited() -> None:
    turn = Turn(
        "And for trainees?", "12 days.", searched_for="Leave of trainees", headings=("Handbook of staff", "Leave")
    )
    found = with_subject("Until when?", (turn,))
    assert found == "Leave of trainees Until when? handbook staff"


def test_the_text_is_bounded() -> None:
    long = Turn("What do the rules say about " + "leave " * 500 + "?", "A lot.")
    assert len(with_subject("And for trainees?", (long,))) <= MAX_CHARACTERS
    assert with_subject("And for trainees?", (long,)).endswith("And for trainees?")
