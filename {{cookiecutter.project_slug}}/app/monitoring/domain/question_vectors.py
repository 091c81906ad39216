"""Vectors of questions: as they are stored, and those of words where the index has no embedder."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from app.core.languages.identification import language_of
from app.core.languages.words import terms

QuestionArray = NDArray[np.float32]
WORDS = "words-2@256"
"""The name of the vectors of words, in place of an embedder's. It changes with what counts as a word, so that
stored ones are made anew and never compared with others."""
_DIMENSIONS = 256


def word_vectors(questions: Sequence[str]) -> QuestionArray:
    """(questions, 256): how often each hashed word occurs. Deterministic in every process."""
    rows = np.zeros((len(questions), _DIMENSIONS), dtype=np.float32)
    for row, question in zip(rows, questions, strict=True):
        for term in terms(question, language_of(question)):
            row[crc32(term.encode()) % _DIMENSIONS] += 1.0
    return rows


def pack(vectors: QuestionArray) -> list[bytes]:
    """Each scaled to the length 1, as `app.retrieval.domain.Vector` holds it: big-endian 16-bit floats."""
    return [row.tobytes() for row in normalised(vectors).astype(">f2")]


def unpack(stored: Sequence[bytes]) -> QuestionArray:
    """(vectors, dimensions) of the length 1. All must come from one embedder."""
    rows = [np.frombuffer(each, dtype=">f2") for each in stored]
    return normalised(np.asarray(rows, dtype=np.float32)) if rows else np.zeros((0, 1), dtype=np.float32)


def normalised(vectors: QuestionArray) -> QuestionArray:
    """Each scaled to the length 1; a vector of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: QuestionArray = vectors / np.maximum(lengths, 1e-9)
    return scaled


def background_similarity(vectors: QuestionArray) -> float:
    """The mean cosine of two different questions: embedders differ in it, and a threshold starts there."""
    count = len(vectors)
    if count < 2:
        return 0.0
    total = vectors.sum(axis=0, dtype=np.float64)
    own = float((vectors.astype(np.float64) ** 2).sum())
    return max(0.0, (float(total @ total) - own) / (count * (count - 1)))
