"""Vectors of length one in half precision."""

import math

import pytest

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
