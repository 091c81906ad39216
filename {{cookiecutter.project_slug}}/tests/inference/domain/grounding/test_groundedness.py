"""Which sentences of an answer the passages support, and how many must be."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.languages.words import terms
from app.core.ownership import RiskTier
from app.inference.domain.grounding.groundedness import (
    ENOUGH_SUPPORTED,
    NO_SENTENCES,
    GroundingResult,
    Support,
    check_grounding,
    shared_words,
)


@dataclass(frozen=True)
class Passage:
    text: str
    score: float = 1.0


FERRY = Passage("The ferry to Sarn leaves at noon. It carries forty cars and two hundred people.")
LAMP = Passage("The lamp of the tower is lit at dusk. The keeper puts it out at dawn.")
PASSAGES = (FERRY, LAMP)


def named(*passages: int) -> tuple[Support, ...]:
    return tuple(Support(passage, 0, 1) for passage in passages)


def supported(text: str, *passages: Passage) -> list[tuple[int, str]]:
    """The passages that an answer leans on, each with the words that support it."""
    known = passages or PASSAGES
    return [
        (found.passage, known[found.passage].text[found.start : found.end])
        for found in check_grounding(text, known).supports
    ]


def test_a_copied_sentence_is_supported_by_its_own_place() -> None:
    assert supported("The keeper puts it out at dawn. [2]") == [(1, "The keeper puts it out at dawn.")]


def test_a_reworded_sentence_is_supported_by_the_sentence_with_most_of_its_words() -> None:
    assert supported("Forty cars and two hundred people are carried [1].") == [
        (0, "It carries forty cars and two hundred people.")
    ]


def test_a_sentence_without_a_marker_leans_on_the_passage_that_fits_best() -> None:
    assert [passage for passage, _ in supported("At dusk the lamp of the tower is lit.")] == [1]


def test_a_sentence_may_lean_on_two_passages_together() -> None:
    assert [passage for passage, _ in supported("The ferry leaves at noon and the lamp is lit at dusk [1][2].")] == [
        0,
        1,
    ]


def test_a_marker_of_a_passage_that_is_not_there_does_not_count_as_a_name() -> None:
    assert [passage for passage, _ in supported("The lamp of the tower is lit at dusk [9].")] == [1]


def test_a_marker_after_the_full_stop_belongs_to_the_sentence_before_it() -> None:
    found = check_grounding("The ferry leaves at noon. [1] The lamp is lit at dusk. [2]", PASSAGES)
    assert [support.passage for support in found.supports] == [0, 1]
    assert (found.sentences, found.unsupported) == (2, 0)
    alike = (Passage("The ferry leaves at noon."), Passage("It is written: The ferry leaves at noon."))
    assert [passage for passage, _ in supported("The ferry leaves at noon. [2]", *alike)] == [1]


def test_a_sentence_that_one_passage_opens_with_leans_on_no_other() -> None:
    alike = (Passage("The ferry leaves at noon. It is red."), Passage("At noon the ferry leaves."))
    assert supported("The ferry leaves at noon. [1][2]", *alike) == [(0, "The ferry leaves at noon.")]


@pytest.mark.parametrize(
    ("known", "supports"), [("Doors: 14:30.", True), ("Doors: 15:30.", False), ("It is open at 14:30.", False)]
)
def test_a_time_that_stands_there_carries_a_sentence_of_few_shared_words(known: str, supports: bool) -> None:
    assert bool(supported("The gallery closes its heavy doors at 14:30 [1].", Passage(known))) is supports


def test_figures_need_to_stand_in_one_of_the_passages_and_a_year_in_words_in_none() -> None:
    doors = "The gallery closes its heavy doors at 14:30 [1][2]."
    assert supported(doors, Passage("Doors: 14:30."), Passage("The harbour is deep.")) == [(0, "Doors: 14:30.")]
    assert supported("The repairs of the heavy doors at 14:30 take a year [1].", Passage("Doors: 14:30 repairs."))
    assert supported("The repairs of the heavy green doors at 14:30 take a year [1].", Passage("Doors: 14:30."))


def test_a_time_that_stands_in_one_of_the_cited_passages_carries_the_words_of_both() -> None:
    claim = "The gallery of the tower closes its heavy green oak doors for painters and visitors at 14:30 [1][2]."
    passages = Passage("The green tower is made of stone."), Passage("Doors: 14:30.")
    assert supported(claim, *passages) == list(enumerate(each.text for each in passages))


def test_figures_and_their_units_are_no_words_that_have_to_stand_there() -> None:
    stems = frozenset(terms("The ferry carries 40 kilograms", "en"))
    assert shared_words(stems, "The ferry carries parcels") == pytest.approx(1)
    alone = frozenset(terms("The number is 40", "en"))
    assert shared_words(alone, "Seats: 40") == 1
    assert shared_words(alone, "Seats: 50") < 0.1


def test_each_passage_is_named_once_in_the_order_of_the_answer() -> None:
    text = "The lamp is lit at dusk [2]. The ferry leaves at noon [1]. The keeper puts it out at dawn [2]."
    assert [passage for passage, _ in supported(text)] == [1, 0]


@pytest.mark.parametrize("text", ["", "[1]", "It is. And so?", "- \n- "])
def test_a_text_that_claims_nothing_has_no_sentences(text: str) -> None:
    assert check_grounding(text, PASSAGES) == NO_SENTENCES


def test_without_passages_every_sentence_is_unsupported() -> None:
    found = check_grounding("The ferry leaves at noon [1]. The lamp is lit at dusk.", ())
    assert (found.supports, found.sentences, found.unsupported) == ((), 2, 2)


@pytest.mark.parametrize(
    ("words", "carries"), [("ferry noon cars moon sun", True), ("ferry cars moon sun sea sky", False)]
)
def test_two_words_of_five_are_enough_and_two_of_six_are_not(words: str, carries: bool) -> None:
    assert bool(supported(words, Passage("The ferry carries cars."))) is carries


@pytest.mark.parametrize(
    ("tier", "sentences", "unsupported", "enough"),
    [
        ("low", 3, 1, True),
        ("low", 4, 3, False),
        ("medium", 4, 2, True),
        ("medium", 4, 3, False),
        ("high", 4, 0, True),
        ("high", 4, 1, False),
    ],
)
def test_the_tier_says_how_many_sentences_must_be_supported(
    tier: RiskTier, sentences: int, unsupported: int, enough: bool
) -> None:
    assert GroundingResult(named(0), sentences, unsupported).enough(tier) is enough


@pytest.mark.parametrize("tier", ENOUGH_SUPPORTED)
def test_an_answer_that_leans_on_nothing_is_never_enough(tier: RiskTier) -> None:
    assert not NO_SENTENCES.enough(tier)


def test_the_share_is_of_the_sentences_and_none_of_nothing() -> None:
    assert GroundingResult(named(0), 4, 1).share == 0.75
    assert NO_SENTENCES.share == 0.0


def test_two_parts_of_an_answer_add_up_and_name_each_passage_once() -> None:
    whole = GroundingResult(named(0, 1), 3, 1) + GroundingResult(named(1, 2), 2, 2)
    assert whole == GroundingResult(named(0, 1, 2), 5, 3)
    assert whole + NO_SENTENCES == whole == NO_SENTENCES + whole


SENTENCES = st.sampled_from(
    ["The ferry leaves at noon [1].", "The lamp is lit at dusk [2].", "Martians own seven moons [1].", "Dawn. [2]"]
)


@given(st.lists(SENTENCES, max_size=6), st.lists(SENTENCES, max_size=6))
def test_an_answer_in_two_parts_is_as_grounded_as_the_whole(first: list[str], second: list[str]) -> None:
    parts = check_grounding("\n\n".join(first), PASSAGES) + check_grounding("\n\n".join(second), PASSAGES)
    whole = check_grounding("\n\n".join([*first, *second]), PASSAGES)
    assert (parts.sentences, parts.unsupported) == (whole.sentences, whole.unsupported)
    assert {each.passage for each in parts.supports} == {each.passage for each in whole.supports}


def test_words_of_a_claim_are_compared_in_its_language() -> None:
    visitors = Passage("Die Häuser und die Wege sind für die Besucher.")
    assert check_grounding("Das ist für die Katzen und die Hunde [1].", [visitors]).unsupported == 1
    assert check_grounding("Das Buch ist in der Bücherei [1].", [Passage("Die Büchereien verleihen Bücher.")]).supports
