"""Texts as sparse vectors of hashed character and word n-grams, weighted by TF-IDF. Training and use share this."""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.safety.domain.canonical import fold, latin

CHARACTER_BITS, WORD_BITS = 17, 15
BUCKETS = (1 << CHARACTER_BITS) + (1 << WORD_BITS)
"""Characters come first, then words; each part of a vector has length one."""
LENGTHS = (2, 3, 4, 5)
_ROW_SHIFT = 18
_MULTIPLIER, _SPREAD = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)
_WORD = re.compile(r"\w+")
_BLANKS = re.compile(r"\s+")
_DIGITS = re.compile(r"\d+")

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Vectors:
    """values[i] is that of column columns[i] in row rows[i]."""

    rows: Integers
    columns: Integers
    values: Floats
    count: int

    def scores(self, weights: Floats, bias: float) -> NDArray[np.float64]:
        products = self.values * weights[self.columns]
        return np.bincount(self.rows, products, minlength=self.count).astype(np.float64) + bias


def canonical(text: str) -> str:
    """One spelling for look-alikes, one blank for white space, one digit for numbers."""
    return _DIGITS.sub("0", _BLANKS.sub(" ", latin(fold(text))).strip())


def counted(texts: Sequence[str]) -> tuple[Integers, Integers, Floats]:
    """Rows, columns and the damped counts of the n-grams of canonical texts."""
    keys, counts = np.unique(np.concatenate([*_character_keys(texts), _word_keys(texts)]), return_counts=True)
    damped = (1.0 + np.log(counts)).astype(np.float32)
    return keys >> _ROW_SHIFT, keys & ((1 << _ROW_SHIFT) - 1), damped


def vectors(texts: Sequence[str], idf: Floats) -> Vectors:
    rows, columns, damped = counted(texts)
    values = damped * idf[columns]
    parts = 2 * rows + (columns >> CHARACTER_BITS)
    norms = np.sqrt(np.bincount(parts, values * values, minlength=2 * len(texts)))
    return Vectors(rows, columns, (values / np.maximum(norms, 1e-9)[parts]).astype(np.float32), len(texts))


def word_columns(word: str) -> Integers:
    """The columns of a word and of the character n-grams within it."""
    keys = np.concatenate([*_character_keys([word]), _word_keys([word])])
    return keys & ((1 << _ROW_SHIFT) - 1)


def _character_keys(texts: Sequence[str]) -> list[Integers]:
    padded = [f" {text} " for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    if len(texts) == 1:
        return [_bucket(rolled) for rolled in _rolled(codes)]
    row = np.repeat(np.arange(len(texts), dtype=np.int64), [len(each) for each in padded])
    keys: list[Integers] = []
    for length, rolled in enumerate(_rolled(codes), 2):
        inside = row[: len(rolled)] == row[length - 1 :]
        keys.append(((row[: len(rolled)] << _ROW_SHIFT) | _bucket(rolled))[inside])
    return keys


def _rolled(codes: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
    """A hash of each n-gram, for each of the lengths."""
    rolled = codes
    for length in LENGTHS:
        rolled = rolled[:-1] * _MULTIPLIER + codes[length - 1 :]
        yield rolled


def _bucket(rolled: NDArray[np.uint64]) -> Integers:
    return ((rolled * _SPREAD) >> np.uint64(64 - CHARACTER_BITS)).astype(np.int64)


def _word_keys(texts: Sequence[str]) -> Integers:
    keys: list[int] = []
    for row, text in enumerate(texts):
        words = _WORD.findall(text)
        grams = (*words, *(f"{one} {other}" for one, other in pairwise(words)))
        base = (row << _ROW_SHIFT) | (1 << CHARACTER_BITS)
        keys += [base | (zlib.crc32(gram.encode()) >> (32 - WORD_BITS)) for gram in grams]
    return np.array(keys, dtype=np.int64)
