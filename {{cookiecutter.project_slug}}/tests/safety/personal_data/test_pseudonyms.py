"""Values leave as pseudonyms and come back, however a reply is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.safety.domain.personal_data import Mask
from app.safety.domain.personal_data.detection import PersonalDataDetector
from app.safety.domain.personal_data.pseudonyms import Pseudonyms

DETECTOR = PersonalDataDetector()
TEXT = "Mail jane@acme.example or joe@acme.example, call +49 30 2312 5414; jane@acme.example again, 93.184.216.34."
REPLY = r"Ask EMAIL_1 (or EMAIL\_2): PHONE_1, not EMAIL_12, XEMAIL_1, EMAILS_1, PHONE or IP_ADDRESS_1; EMAIL_2"
WHOLE = (
    "Ask jane@acme.example (or joe@acme.example): +49 30 2312 5414, not EMAIL_12, XEMAIL_1, EMAILS_1, PHONE or "
    "93.184.216.34; joe@acme.example"
)


@pytest.fixture
def pseudonyms() -> Pseudonyms:
    made = Pseudonyms(DETECTOR)
    made.replace(TEXT)
    return made


def test_the_same_value_has_the_same_pseudonym_and_comes_back() -> None:
    pseudonyms = Pseudonyms(DETECTOR)
    replaced = pseudonyms.replace(TEXT)
    assert replaced == "Mail EMAIL_1 or EMAIL_2, call PHONE_1; EMAIL_1 again, IP_ADDRESS_1."
    assert pseudonyms.restore(replaced) == TEXT


def test_a_word_that_looks_like_a_pseudonym_is_not_taken_for_one() -> None:
    pseudonyms = Pseudonyms(DETECTOR)
    text = "EMAIL_1 stands for jane@acme.example."
    pseudonyms.reserve([text])
    assert pseudonyms.replace(text) == "EMAIL_1 stands for EMAIL_2."
    assert pseudonyms.restore("EMAIL_1, EMAIL_2") == "EMAIL_1, jane@acme.example"


def test_values_come_back_wherever_a_stream_is_cut(pseudonyms: Pseudonyms) -> None:
    assert pseudonyms.restore(REPLY) == WHOLE
    for one in range(len(REPLY)):
        for two in range(one, len(REPLY), 3):
            stream = pseudonyms.stream()
            pieces = [stream.feed(piece) for piece in (REPLY[:one], REPLY[one:two], REPLY[two:])]
            assert "".join(pieces) + stream.end() == WHOLE


@given(
    st.lists(st.sampled_from(["EMAIL", "_", "1", "2", "E", "PHONE", "\\", " ", "X", "é", "IP_ADDRESS_1"]), max_size=12)
)
def test_a_stream_says_what_the_whole_says(pieces: list[str]) -> None:
    pseudonyms = Pseudonyms(DETECTOR)
    pseudonyms.replace(TEXT)
    stream = pseudonyms.stream()
    assert "".join(map(stream.feed, pieces)) + stream.end() == pseudonyms.restore("".join(pieces))


def test_a_stream_holds_back_only_what_may_be_a_pseudonym(pseudonyms: Pseudonyms) -> None:
    stream = pseudonyms.stream()
    assert stream.feed("An ordinary sentence of a MODEL ") == "An ordinary sentence of a MODEL "
    assert stream.feed("ends with EMA") == "ends with "
    assert stream.feed("NATE") == "EMANATE"


def test_nothing_is_held_back_when_nothing_was_replaced() -> None:
    assert Pseudonyms(DETECTOR).stream().feed("EMAIL_") == "EMAIL_"


def test_the_mapping_is_in_no_representation(pseudonyms: Pseudonyms) -> None:
    stream = pseudonyms.stream()
    stream.feed("jane EMAIL_")
    assert "jane" not in repr(pseudonyms) + repr(stream)


def test_masking_is_idempotent_and_can_keep_the_length() -> None:
    mask = Mask(DETECTOR)
    masked = mask(TEXT)
    assert masked == "Mail [email] or [email], call [phone]; [email] again, [ip_address]."
    assert mask(masked) == masked
    kept = mask.keeping_length(TEXT)
    assert len(kept) == len(TEXT)
    assert kept.startswith("Mail [email**********] or [email*")
    assert mask.keeping_length(kept) == kept
