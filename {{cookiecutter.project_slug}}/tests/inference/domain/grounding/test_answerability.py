"""When evidence may carry an answer, as the manifest of a release says it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.domain.grounding.answerability import Answerability
from app.releases.domain import ReleaseUnservable

SHARE = st.floats(0, 1)


def never() -> float:
    raise AssertionError("the coverage was asked for")


def test_the_coverage_is_asked_for_only_where_the_scores_do_not_decide() -> None:
    assert Answerability().enough(0.9, None, never)
    assert Answerability().enough(0.1, 0.9, never)
    with pytest.raises(AssertionError, match="asked for"):
        Answerability().enough(0.1, None, never)


@pytest.mark.parametrize(
    ("words", "dense", "coverage", "enough"),
    [
        (0.25, None, 0.0, True),
        (0.249, None, 0.0, False),
        (0.25, 0.5, 0.0, True),
        (0.25, 0.499, 0.0, False),
        (0.0, None, 0.5, True),
        (0.0, None, 0.499, False),
    ],
)
def test_each_threshold_is_enough_itself(words: float, dense: float | None, coverage: float, enough: bool) -> None:
    assert Answerability(words=0.25, coverage=0.5, both=1.0).enough(words, dense, lambda: coverage) is enough


@pytest.mark.parametrize("rule", ["words", "coverage"])
def test_a_rule_of_zero_lets_everything_through(rule: str) -> None:
    assert Answerability(**{"words": 1.0, "coverage": 1.0, rule: 0.0}).enough(0.0, None, lambda: 0.0)


@given(SHARE, st.none() | SHARE, SHARE, SHARE)
def test_better_evidence_never_turns_an_answer_into_a_refusal(
    words: float, dense: float | None, coverage: float, more: float
) -> None:
    rules = Answerability()
    if rules.enough(words, dense, lambda: coverage):
        assert rules.enough(max(words, more), dense, lambda: coverage)
        assert rules.enough(words, dense, lambda: max(coverage, more))


@given(SHARE, SHARE, SHARE)
def test_a_manifest_gives_the_same_rules_again(words: float, coverage: float, both: float) -> None:
    rules = Answerability(words, coverage, both)
    assert Answerability.of(rules.manifest()) == rules


def test_a_release_without_these_settings_has_the_defaults_and_others_are_not_read() -> None:
    assert Answerability.of({"budget": 800}) == Answerability()
    assert Answerability.of({"refusal.words": 1}) == Answerability(words=1)


@pytest.mark.parametrize("value", ["0.5", None, True, [0.5]])
def test_a_setting_that_is_not_a_number_cannot_be_served(value: Any) -> None:
    with pytest.raises(ReleaseUnservable, match=r"refusal\.coverage is .*must be a number"):
        Answerability.of({"refusal.coverage": value})
