import pytest

from app.evaluation.domain.calibration import calibrate, kappa
from app.evaluation.domain.policy import JudgeRule

RULE = JudgeRule(kappa_floor=0.6, minimum_labels=50)


def test_kappa_of_a_table_from_the_textbook() -> None:
    """45 both yes, 15 and 25 apart, 15 both no: agreement 0.6, by chance 0.54."""
    people = [1] * 60 + [0] * 40
    judge = [1] * 45 + [0] * 15 + [1] * 25 + [0] * 15
    assert kappa(people, judge) == pytest.approx((0.6 - 0.54) / 0.46)


def test_full_agreement_is_one_and_agreement_by_chance_is_nothing() -> None:
    assert kappa([1, 0, 1, 0], [1, 0, 1, 0]) == 1
    assert kappa([1, 1, 0, 0], [1, 0, 1, 0]) == 0
    assert kappa([1, 0], [0, 1]) == -1


def test_constant_labels_are_no_agreement() -> None:
    assert kappa([1] * 80, [1] * 80) is None
    assert not calibrate([1] * 80, [1] * 80, RULE).trusted


def test_both_sides_label_the_same_cases() -> None:
    with pytest.raises(ValueError, match="same cases"):
        kappa([1], [1, 0])


def test_a_judge_is_trusted_above_the_floor_and_not_below() -> None:
    people = [1, 0] * 40
    good = [0, 0, *people[2:]]
    assert calibrate(people, good, RULE).trusted
    found = calibrate(people, [1, *([0] * 39), *people[40:]], RULE)
    assert (found.trusted, found.reason) == (False, "kappa 0.52 is below the floor of 0.60")


def test_a_judge_with_too_few_labels_is_not_trusted_whatever_its_agreement() -> None:
    found = calibrate([1, 0] * 20, [1, 0] * 20, RULE)
    assert (found.kappa, found.trusted, found.reason) == (1, False, "40 human labels; at least 50 are needed")


def test_no_labels_give_no_agreement() -> None:
    assert kappa([], []) is None
