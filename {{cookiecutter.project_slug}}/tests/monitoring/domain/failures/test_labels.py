"""Which words name a pattern: bounds of shares, repeats, pairs, and texts that hold none."""

import pytest

from app.monitoring.domain.failures.labels import MAX_TERMS, distinguishing_terms

OTHERS = ["printer jams", "printer offline", "badge lost", "parking full"]


def test_one_question_is_named_by_its_own_words() -> None:
    assert distinguishing_terms(["VPN certificate expired"], OTHERS)[0] in ("certificate expired", "vpn certificate")


@pytest.mark.parametrize(("having", "named"), [(1, False), (2, True), (3, True)])
def test_a_word_has_to_be_in_two_questions(having: int, named: bool) -> None:
    questions = [f"token {chr(97 + n) * 3}" if n < having else f"{chr(107 + n) * 3} gone" for n in range(9)]
    assert ("token" in " ".join(distinguishing_terms(questions, OTHERS))) is named


@pytest.mark.parametrize(("having", "named"), [(5, False), (6, True)])
def test_a_word_has_to_be_in_a_certain_share_of_many_questions(having: int, named: bool) -> None:
    """The least share is 0.15: 6 of 40."""
    questions = ["token"] * having + [f"word{number}" for number in range(40 - having)]
    assert ("token" in distinguishing_terms(questions, OTHERS)) is named


def test_a_word_that_is_as_common_elsewhere_names_nothing() -> None:
    here = ["laptop frozen", "laptop slow", "laptop gone"]
    assert "laptop" not in distinguishing_terms(here, ["laptop bag", "laptop lid", "laptop new"])
    assert "laptop" in distinguishing_terms(here, OTHERS)


def test_how_often_a_question_repeats_a_word_does_not_matter() -> None:
    loud = ["token token token token", "badge", "badge", "lift"]
    assert distinguishing_terms(loud, [])[0] == "badge"


def test_terms_share_no_word_and_are_four_at_most() -> None:
    here = ["alpha beta gamma delta epsilon zeta eta theta iota kappa"] * 3
    terms = distinguishing_terms(here, OTHERS)
    words = [word for term in terms for word in term.split()]
    assert len(terms) == MAX_TERMS
    assert len(words) == len(set(words))
    assert all(" " in term for term in terms)


def test_a_pair_does_not_reach_over_a_word_that_says_nothing() -> None:
    terms = distinguishing_terms(["reset of the token", "reset of the token"], OTHERS)
    assert set(terms) == {"reset", "token"}


def test_equal_weights_are_in_the_order_of_the_alphabet() -> None:
    one = distinguishing_terms(["zebra", "zebra", "apple", "apple"], OTHERS)
    assert one == distinguishing_terms(["apple", "zebra", "apple", "zebra"], OTHERS) == ("apple", "zebra")


@pytest.mark.parametrize(
    "question", ["", "   ", "?!…", "the is are what", "wie ist das für", "a b c", "\u200b\u202e", "\x00"]
)
def test_what_says_nothing_has_no_term(question: str) -> None:
    assert distinguishing_terms([question] * 3, OTHERS) == ()


def test_a_long_hostile_question_is_cut_to_terms_as_any_other() -> None:
    assert distinguishing_terms(["<script> " * 5000] * 2, OTHERS) == ("script script",)
