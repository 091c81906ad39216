"""Where the first sentence of a text ends that is still being written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.domain.grounding.sentence_breaks import LONGEST_CODE, LONGEST_SENTENCE, LOOK_AHEAD, first_break


def first(text: str, ended: bool = True) -> str | None:
    """The first sentence of a text; None while it cannot be told."""
    end = first_break(text, ended)
    return None if end is None else text[:end]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One. Two.", "One."),
        ("Really?! Yes.", "Really?!"),
        ("One [1]. Two.", "One [1]."),
        ("One. [1][2] Two.", "One. [1][2]"),
        ('He said "Go." She went.', 'He said "Go."'),
        ("It cost 3.5 million. It fell.", "It cost 3.5 million."),
        ("Dr. Holm came. He left.", "Dr. Holm came."),
        ("J. R. Tolkien wrote. It sold.", "J. R. Tolkien wrote."),
        ("He left the U.S. The end.", "He left the U.S."),
        ("The U.S. Navy came. It left.", "The U.S. Navy came."),
        ("So I. The end came.", "So I."),
        ("Well ... and so on. Then.", "Well ... and so on."),
        ("灯火。次。", "灯火。"),
        ("No stop at all", "No stop at all"),
        ("- one\n- two", "- one"),
        ("# Title\nText.", "# Title"),
        ("| a |\n| b |", "| a |"),
        ("One part\n\nAnother", "One part"),
        ("A line that goes on,\nand ends. Then.", "A line that goes on,\nand ends."),
        ("Short\nLine", "Short"),
    ],
)
def test_a_sentence_ends_where_a_reader_would_end_it(text: str, sentence: str) -> None:
    assert first(text) == sentence


@pytest.mark.parametrize(
    "text", ["", "One", "One.", "One. ", "One.\n", "One. [", "One. [1", "It was Dr.", "He left the U.S. Th"]
)
def test_it_waits_while_what_comes_next_could_change_it(text: str) -> None:
    assert first(text, ended=False) is None


@pytest.mark.parametrize(
    ("text", "sentence"), [("One. Two", "One."), ("One. [1] Two", "One. [1]"), ("One.\n\nT", "One.")]
)
def test_it_does_not_wait_longer_than_it_must(text: str, sentence: str) -> None:
    assert first(text, ended=False) == sentence


def test_a_block_of_code_is_one_sentence() -> None:
    code = "```\nrun. It. Now!\n\nagain\n```"
    assert first(f"{code}\n\nThen.") == code
    assert first("Call `a. B` now. Then.") == "Call `a. B` now."


def test_a_sentence_without_end_is_cut_at_a_clause_a_word_or_anywhere() -> None:
    clause = "word " * 70 + "then, " + "word " * 20 + "so, " + "word " * 200
    assert (first(clause) or "").endswith("so, ")
    assert len(first("word " * 300) or "") in range(LONGEST_SENTENCE - 5, LONGEST_SENTENCE + 1)
    assert len(first("x" * 2000) or "") == LONGEST_SENTENCE
    assert first("x" * (LONGEST_SENTENCE + LOOK_AHEAD - 1), ended=False) is None
    assert len(first("`" * 3 + "x" * 9000) or "") == LONGEST_CODE


PIECES = st.lists(
    st.sampled_from(
        ["One", " two", ". ", "! ", "? ", "\n", "\n\n", " [1]", "- ", "`", "```", "Dr. ", "U.S. ", "The ", ", "]
    ),
    max_size=30,
).map("".join)


@pytest.mark.parametrize(
    ("language", "text", "sentence"),
    [
        ("de", "Am 3. Oktober ist zu. Dann nicht.", "Am 3. Oktober ist zu."),
        ("de", "Es gibt z. B. Hunde. Dann nicht.", "Es gibt z. B. Hunde."),
        ("ja", "「休みだ。」入口は北。", "「休みだ。」"),
        ("th", "ห้องสมุดประชาชนเปิดเก้าโมงเช้า และปิดห้าโมงเย็น ค่าปรับสองบาท", "ห้องสมุดประชาชนเปิดเก้าโมงเช้า และปิดห้าโมงเย็น "),
        ("ar", "هل هو مفتوح؟ نعم.", "هل هو مفتوح؟"),
    ],
)
def test_a_sentence_ends_as_its_language_ends_it(language: str, text: str, sentence: str) -> None:
    assert text[: first_break(text, True, language) or 0] == sentence


OTHERS = st.lists(
    st.sampled_from(
        ["Am 3", ". ", "Okt", "ober", "z. B. ", "開館。", "」", "ห้องสมุดประชาชนเปิด", " ", "และ", "ค่า", "؟", "\n"]
    ),
    max_size=20,
).map("".join)


@given(OTHERS, OTHERS, st.sampled_from(["de", "ja", "th", "ar"]))
def test_what_was_told_stays_true_in_every_language(text: str, more: str, language: str) -> None:
    told = first_break(text, False, language)
    if told is not None:
        assert first_break(text + more, True, language) == told


@given(PIECES, PIECES)
def test_what_was_told_stays_true_whatever_comes(text: str, more: str) -> None:
    told = first(text, ended=False)
    if told is not None:
        assert first(text + more) == told


@given(PIECES)
def test_a_text_that_has_ended_always_has_a_first_sentence(text: str) -> None:
    end = first_break(text, True)
    assert (end is None) == (text == "")
    assert end is None or 0 < end <= len(text)
