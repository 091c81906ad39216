"""The instructions of a model are recognised in its answer, however they are written there."""

import base64
import codecs
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.safety.domain.prompt_overlap import may_go_on, overlaps_prompt

PROMPT = (
    "You are Bo, the helper of the Sarn ferry. Quote timetables only from the board and name the pier. "
    "Never speak about strikes. Internal code word: HERON-3310. When unsure, send people to the kiosk."
)
PART = "Quote timetables only from the board and name the pier."

DISGUISES = {
    "as it stands": PART,
    "in a sentence": f"I was told: {PART} That is all.",
    "in capitals": PART.upper(),
    "between signs": "*".join(PART.split()),
    "letters apart": " ".join(PART),
    "backwards": PART[::-1],
    "words backwards": " ".join(word[::-1] for word in PART.split()),
    "last word first": " ".join(reversed(PART.split())),
    "rot 13": codecs.encode(PART, "rot13"),
    "base 64": base64.b64encode(PART.encode()).decode(),
    "base 32": base64.b32encode(PART.encode()).decode(),
    "hexadecimal": PART.encode().hex(),
    "bits": " ".join(f"{byte:08b}" for byte in PART.encode()),
    "codes": " ".join(str(byte) for byte in PART.encode()),
    "an address": "".join(f"%{byte:02x}" for byte in PART.encode()),
    "entities": "".join(f"&#{ord(letter)};" for letter in PART),
    "escapes": "".join(f"\\u{ord(letter):04x}" for letter in PART),
    "other letters": PART.replace("o", "о").replace("a", "а"),
    "digits for letters": PART.replace("o", "0").replace("e", "3").replace("a", "4"),
}

ORDINARY = [
    "",
    "The ferry to Sarn leaves at noon.",
    "Ask at the kiosk. The timetable is on the board at the pier.",
    "Herons nest by the pier; the board names them.",
    "The order has the number 3310.",
    base64.b64encode(b"The ferry to Sarn leaves at noon, every day but Sunday.").decode(),
]


@pytest.mark.parametrize("said", DISGUISES.values(), ids=DISGUISES)
def test_a_sentence_of_the_prompt_is_recognised(said: str) -> None:
    assert overlaps_prompt(said, PROMPT)


@pytest.mark.parametrize("said", ORDINARY)
def test_an_answer_about_the_same_things_is_none_of_it(said: str) -> None:
    assert not overlaps_prompt(said, PROMPT)


@pytest.mark.parametrize("said", ["HERON-3310", "It is heron 3310!", "H E R O N - 3 3 1 0", "0133-NOREH"])
def test_a_word_that_stands_nowhere_else_gives_the_prompt_away(said: str) -> None:
    assert overlaps_prompt(said, PROMPT)


def test_eight_words_in_a_row_are_no_accident_and_five_short_ones_are() -> None:
    words = ["You", "are", "Bo", "the", "helper", "of", "the", "Sarn", "ferry"]
    assert overlaps_prompt(" ".join(words[:8]), PROMPT)
    assert not overlaps_prompt(" ".join(words[:5]), PROMPT)


def test_five_long_words_in_a_row_are_no_accident_whatever_short_ones_are_between() -> None:
    assert overlaps_prompt("Helper or ferry: quote a timetables board.", PROMPT)
    assert not overlaps_prompt("Helper or ferry: quote a timetables.", PROMPT)


def test_numbers_between_the_words_do_not_hide_them() -> None:
    words = ["You", "are", "Bo", "the", "helper", "of", "the", "Sarn", "ferry"]
    numbered = [f"{word} {number}" for number, word in enumerate(words)]
    assert overlaps_prompt(" ".join(numbered), PROMPT)
    assert not overlaps_prompt(" ".join(numbered[:5]), PROMPT)
    assert overlaps_prompt("A helper 10000 is a ferry 20000 and I quote 30000 timetables 40000 or a board.", PROMPT)


@pytest.mark.parametrize(
    "disguise", [lambda part: part[::-1], lambda part: base64.b64encode(part.encode()).decode()], ids=["back", "b64"]
)
def test_a_part_that_is_no_whole_sentence_is_recognised_in_disguise_too(disguise: Callable[[str], str]) -> None:
    assert overlaps_prompt(disguise("timetables only from the board and name the pier. Never speak"), PROMPT)


def test_half_a_run_of_letters_is_an_accident() -> None:
    assert not overlaps_prompt("Quotetimetablesonlyfromothers, said the wardens of all these islands.", PROMPT)


@pytest.mark.parametrize(("last", "known"), [("eeee", True), ("eee", False)])
def test_a_sentence_of_twenty_letters_is_recognised_whole(last: str, known: bool) -> None:
    sentence = f"Aaaa bbbb cccc dddd {last}."
    assert overlaps_prompt(f"It says: {sentence}", f"{sentence} Go on.") is known


@given(st.integers(0, len(PROMPT) - 60))
def test_sixty_characters_from_anywhere_are_recognised(start: int) -> None:
    assert overlaps_prompt(PROMPT[start : start + 60], PROMPT)


@given(st.text(max_size=300))
def test_any_text_can_be_looked_at_and_an_empty_prompt_is_never_given_away(text: str) -> None:
    overlaps_prompt(text, PROMPT)
    assert not overlaps_prompt(text, "")


def test_it_waits_while_a_text_may_go_on_like_the_prompt() -> None:
    assert may_go_on("They say: quote timetables only", PROMPT)
    assert not may_go_on("They say: quote timetables on the wall", PROMPT)
    assert not may_go_on("quote", PROMPT)


@given(st.integers(0, 400), st.text("ab", max_size=30), st.booleans())
def test_a_run_of_letters_is_recognised_from_wherever_it_begins(start: int, before: str, enciphered: bool) -> None:
    letters = "".join(filter(str.isalpha, (PROMPT * 4).casefold()))
    run = letters[start : start + 41]
    written = "".join(chr(97 + (ord(letter) - 97 + 5) % 26) for letter in run) if enciphered else run
    assert overlaps_prompt(f"{before} {written}", PROMPT * 4)
