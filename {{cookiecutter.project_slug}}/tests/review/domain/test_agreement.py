import pytest

from app.review.domain.agreement import agreement


def test_the_textbook_example_gives_the_textbook_value() -> None:
    """Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): nominal data, two observers, no gaps."""
    ben, gerry = "aabbdcccedda", "babbbccceddd"
    found = agreement(list(zip(ben, gerry, strict=True)))
    assert (found.pairs, found.agreed) == (12, 9)
    assert found.alpha == pytest.approx(0.692, abs=0.0005)


def test_agreement_by_chance_is_zero_and_disagreement_is_negative() -> None:
    assert agreement([("yes", "yes"), ("yes", "no"), ("no", "yes"), ("no", "no")]).alpha == pytest.approx(0.125)
    opposed = agreement([("yes", "no"), ("no", "yes"), ("yes", "no")]).alpha
    assert opposed is not None
    assert opposed < 0


def test_without_enough_data_there_is_no_value() -> None:
    assert agreement([]).alpha is None
    assert agreement([("yes", "no")]).alpha is None
    assert agreement([("yes", "yes"), ("yes", "yes")]).alpha is None
    assert agreement([("yes",), ("no",)]).pairs == 0
    assert agreement([("yes", "no"), ("yes", "no")]).alpha is not None
