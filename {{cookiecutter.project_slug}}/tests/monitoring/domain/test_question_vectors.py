"""Vectors of questions at their bounds: none, zero, huge, and of texts that hold no word."""

import numpy as np
import pytest

from app.monitoring.domain.question_vectors import (
    WORDS,
    QuestionArray,
    background_similarity,
    normalised,
    pack,
    unpack,
    word_vectors,
)


def rows(*values: list[float]) -> QuestionArray:
    return np.asarray(values, dtype=np.float32)


@pytest.mark.parametrize("question", ["", "  ", "?!", "the of and"])
def test_a_question_without_a_word_is_a_vector_of_zeros_that_is_stored_and_read(question: str) -> None:
    vectors = word_vectors([question])
    assert not vectors.any()
    assert unpack(pack(vectors)).tolist() == vectors.tolist()


def test_without_a_question_there_is_no_vector() -> None:
    assert word_vectors([]).shape == (0, int(WORDS.partition("@")[2]))
    assert pack(word_vectors([])) == []
    assert len(unpack([])) == 0


def test_words_are_counted_and_neither_order_nor_case_matters() -> None:
    one, two, other = word_vectors(["room key room", "Key ROOM room", "room key"])
    assert one.tolist() == two.tolist()
    assert (one.sum(), other.sum()) == (3, 2)


def test_every_process_hashes_a_word_to_the_same_place() -> None:
    [vector] = word_vectors(["lighthouse"])
    assert np.flatnonzero(vector).tolist() == [25]  # as stored vectors have it


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
def test_a_vector_of_any_length_is_stored_with_the_length_one(scale: float) -> None:
    [found] = unpack(pack(rows([3 * scale, 4 * scale])))
    assert found.tolist() == pytest.approx([0.6, 0.8], abs=1e-3)


def test_what_is_stored_is_two_bytes_a_number_the_high_one_first() -> None:
    assert pack(rows([0.0, -2.0, 0.0])) == [b"\x00\x00\xbc\x00\x00\x00"]


def test_one_row_does_not_change_another() -> None:
    assert normalised(rows([0, 0], [0, 5], [6, 8])).tolist() == rows([0, 0], [0, 1], [0.6, 0.8]).tolist()


@pytest.mark.parametrize(
    ("vectors", "mean"),
    [
        (rows([1, 0], [1, 0], [1, 0]), 1.0),
        (rows([1, 0], [0, 1]), 0.0),
        (rows([1, 0], [-1, 0]), 0.0),  # opposite questions are no likeness below none
        (rows([1, 0], [1, 0], [0, 1]), 1 / 3),
        (rows([0, 0], [0, 0]), 0.0),
        (np.zeros((0, 4), dtype=np.float32), 0.0),
        (rows([1, 0]), 0.0),
    ],
)
def test_the_background_is_the_mean_of_different_questions(vectors: QuestionArray, mean: float) -> None:
    assert background_similarity(vectors) == pytest.approx(mean)
