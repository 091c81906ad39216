"""Canaries, whole and in part, and credentials in the other readings of a text: each line of defence alone."""

from uuid import UUID

import pytest

from app.safety.domain.output_filter import canary_of
from app.safety.domain.output_filter.canary import canaries_in, has_part_of
from app.safety.domain.output_filter.hidden_spelling import hides_token, spelled

CANARY = canary_of("release", UUID(int=1))


def moved(text: str, steps: int, sign: int = 1) -> str:
    """Each letter moved along the alphabet; mirrored before, with the sign -1."""
    return "".join(chr(97 + (sign * (ord(letter) - 97) + steps) % 26) for letter in text)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("before", ["", "It says "])
def test_a_canary_is_found_in_whichever_cipher_moves_its_letters(before: str, sign: int) -> None:
    for steps in range(26):
        assert canaries_in(before + moved(CANARY, steps, sign) + ".") == {CANARY}, steps
    assert canaries_in(before + moved(CANARY[:-1], 3)) == frozenset()


def test_every_canary_of_a_text_is_found_behind_a_mark_that_begins_none() -> None:
    other = canary_of("release", UUID(int=2))
    assert canaries_in(f"{moved('qzx', 5)} {moved(CANARY, 5)} {moved(other, 5)}") == {CANARY, other}


@pytest.mark.parametrize("first", [0x1D41A, 0xFF41, 0x1F1E6], ids=["bold", "full width", "flags"])
def test_a_canary_is_found_in_letters_that_look_like_others(first: int) -> None:
    styled = "".join(chr(first + ord(letter) - 97) for letter in CANARY)
    assert canaries_in(f"It says {styled}.") == {CANARY}
    assert has_part_of(CANARY, styled[:8])


def test_eight_letters_of_a_canary_are_a_part_of_it_from_wherever_they_are() -> None:
    for at in range(len(CANARY) - 7):
        assert has_part_of(CANARY, f"It begins {CANARY[at : at + 8]} and so on."), at
        assert not has_part_of(CANARY, f"It begins {CANARY[at : at + 7]}.")
    assert not has_part_of("", "It begins.")


def test_characters_that_are_written_apart_are_read_as_a_word() -> None:
    assert spelled("s k a b c d e f g") == ["skabcdefg"]
    assert spelled("s k - a b c d e f g") == ["sk-abcdefg", "skabcdefg"]
    assert spelled("a b c") == []


KEY_BEGINS = "-----BEGIN " + "PRIVATE KEY-----"  # apart, for the scan of this repository for secrets


@pytest.mark.parametrize(
    ("text", "view", "hides"),
    [
        ("", KEY_BEGINS, True),
        ("", "PuTTY-User-Key-File-2: ssh-rsa", True),
        (KEY_BEGINS, KEY_BEGINS, False),
        ("", "PRIVATE PROPERTY", False),
        ("", "PuTTY is a terminal", False),
    ],
    ids=["a key", "a key of PuTTY", "in the text too", "other capitals", "another word"],
)
def test_a_key_is_hidden_where_it_begins_in_another_reading_alone(text: str, view: str, hides: bool) -> None:
    """What stands in the text itself is masked, which is another line of defence."""
    assert hides_token(text, [view]) is hides
