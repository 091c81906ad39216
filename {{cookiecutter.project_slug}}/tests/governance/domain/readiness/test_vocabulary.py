"""The digest of evidence: the same for the same values, another for others."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.governance.domain.readiness.vocabulary import CheckEvidence, green_if


def digest(basis: object) -> str:
    return CheckEvidence("green", "", "", basis).digest


def test_the_order_of_names_and_the_words_around_it_change_no_digest() -> None:
    assert digest({"a": 1, "b": (2, 3)}) == digest({"b": [2, 3], "a": 1})
    assert CheckEvidence("red", "other", "elsewhere", 1).digest == digest(1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (None, ""),
        (1, "1"),
        ([1, 2], [2, 1]),
        ({"a": None}, {}),
        (["ab"], ["a", "b"]),
        (datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, microsecond=1, tzinfo=UTC)),
        (UUID(int=1), UUID(int=2)),
        ("\ud800", "\udfff"),
        (float("nan"), None),
    ],
)
def test_other_values_have_another_digest(one: object, other: object) -> None:
    assert digest(one) != digest(other)
    assert len(digest(one)) == 64


@pytest.mark.parametrize(("condition", "status"), [(True, "green"), (False, "red")])
def test_a_condition_is_green_or_red(condition: bool, status: str) -> None:
    assert green_if(condition, "f", "l", 1).status == status
