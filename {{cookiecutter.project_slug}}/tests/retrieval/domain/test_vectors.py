"""Vectors of length one in half precision."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.domain.vectors import Vector


def test_a_vector_is_normalised_to_length_one() -> None:
    vector = Vector.of([3.0, 4.0])
    assert vector.dimensions == 2
    assert vector.floats() == pytest.approx((0.6, 0.8), abs=1e-3)


def test_the_dot_product_is_the_cosine() -> None:
    assert Vector.of([1.0, 0.0]).dot(Vector.of([0.0, 5.0])) == 0
    assert Vector.of([1.0, 1.0]).dot(Vector.of([2.0, 2.0])) == pytest.approx(1, abs=1e-3)
    assert Vector.of([1.0, 0.0]).dot(Vector.of([-1.0, 0.0])) == pytest.approx(-1, abs=1e-3)


@pytest.mark.parametrize("floats", [[], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_numbers_without_a_direction_are_rejected(floats: list[float]) -> None:
    with pytest.raises(ValueError, match="not a direction"):
        Vector.of(floats)


def test_vectors_of_different_dimensions_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        Vector.of([1.0]).dot(Vector.of([1.0, 0.0]))


NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda number: abs(number) > 1e-3)
PAIRS = st.integers(1, 20).flatmap(lambda size: st.tuples(*[st.lists(NUMBERS, min_size=size, max_size=size)] * 2))


@given(PAIRS)
def test_the_cosine_lies_between_opposite_and_alike_and_has_no_direction(pair: tuple[list[float], list[float]]) -> None:
    one, other = (Vector.of(each) for each in pair)
    assert one.dot(other) == other.dot(one)
    assert -1.01 <= one.dot(other) <= 1.01
    assert one.dot(one) == pytest.approx(1, abs=1e-2)


@given(st.lists(NUMBERS, min_size=1, max_size=20), st.floats(0.1, 100))
def test_a_longer_vector_of_the_same_direction_is_the_same(floats: list[float], factor: float) -> None:
    scaled = Vector.of([number * factor for number in floats])
    assert Vector.of(floats).floats() == pytest.approx(scaled.floats(), abs=2e-3)
