import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.domain.grounding.citations import CitationFilter, NoAnswerDetector, cited_numbers


def through(text: str, cuts: list[int], passages: int = 3) -> str:
    markers, out, at = CitationFilter(passages), "", 0
    for cut in [*cuts, len(text)]:
        out += markers.feed(text[at : at + cut])
        at += cut
    return out + markers.end()


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("Plain text.", "Plain text."),
        ("One [1]. Two [2][3].", "One [1]. Two [2][3]."),
        ("Gone [4].", "Gone ."),
        ("Both [1, 9; 2].", "Both [1][2]."),
        ("Wide 【2】 and 【7】.", "Wide [2] and ."),
        ("A [note] and a[i] stay.", "A [note] and a[i] stay."),
        ("An ![image](http://evil/?q=1).", "An ![image](http://evil/?q=1)."),
        ("Wow! Great!", "Wow! Great!"),
        ("[[1]]", "[[1]]"),
        ("open [1", "open [1"),
        ("[0] and [00001]", " and [1]"),
        ("[]", "[]"),
    ],
)
def test_only_markers_of_existing_passages_are_released(written: str, seen: str) -> None:
    assert through(written, []) == seen


def test_what_is_cited_and_what_was_invented_is_counted() -> None:
    markers = CitationFilter(3)
    markers.feed("One [1], [2, 2], [9], [9, 8] and [3; 7].")
    assert (markers.cited, markers.invented) == ({1, 2, 3}, 4)


def test_a_marker_that_does_not_end_is_text_after_sixty_four_signs() -> None:
    for length, held in ((62, True), (63, True), (64, False)):
        markers = CitationFilter(3)
        assert (markers.feed("[" + "1" * length) == "") is held


@given(st.text(alphabet="ab[]【】!0123456789, -", max_size=80), st.lists(st.integers(1, 5), max_size=40))
def test_the_split_does_not_change_the_text_and_no_invented_marker_is_released(text: str, cuts: list[int]) -> None:
    whole = through(text, [])
    assert through(text, cuts) == whole
    assert all(1 <= number <= 3 for number in cited_numbers(whole.removesuffix(whole[whole.rfind("[") :])))


@pytest.mark.parametrize(
    "said", ["NO ANSWER", "no answer.", '"NO ANSWER"', " **NO ANSWER**\n", "NO ANSWER: it is not said"]
)
def test_the_marker_for_no_answer_is_not_released(said: str) -> None:
    verdict = NoAnswerDetector()
    assert "".join(verdict.feed(c) for c in said) + verdict.end() == ""
    assert verdict.no_answer


@pytest.mark.parametrize("said", ["No answers were given in 1990.", "Nobody knows.", "N", "", "NO ANSWERS"])
def test_an_answer_with_a_similar_beginning_is_released(said: str) -> None:
    verdict = NoAnswerDetector()
    assert not verdict.no_answer
    assert "".join(verdict.feed(c) for c in said) + verdict.end() == said
    assert not verdict.no_answer


def test_a_beginning_that_is_no_refusal_is_not_held_back() -> None:
    assert NoAnswerDetector().feed("Th") == "Th"
    assert NoAnswerDetector().feed("NO A") == ""
