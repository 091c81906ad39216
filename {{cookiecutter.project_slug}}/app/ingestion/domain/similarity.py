"""How much two texts share, from signatures small enough to index."""

import re
import zlib
from collections.abc import Sequence
from itertools import islice

BINS = 64
ROWS = 4
SHINGLE = 5
MIN_WORDS = 40
_MAX_WORDS = 200_000
_EMPTY = 1 << 32
_WORD = re.compile(r"\w+")

Signature = tuple[int, ...]


def signature(text: str) -> Signature | None:
    """One-permutation minhash over runs of five words; None for a text too short to compare."""
    words = [m.group().lower() for m in islice(_WORD.finditer(text), _MAX_WORDS)]
    if len(words) < MIN_WORDS:
        return None
    lowest = [_EMPTY] * BINS
    for start in range(len(words) - SHINGLE + 1):
        hashed = zlib.crc32(" ".join(words[start : start + SHINGLE]).encode())
        slot, value = hashed % BINS, hashed // BINS
        if value < lowest[slot]:
            lowest[slot] = value
    return _filled(lowest)


def _filled(lowest: Sequence[int]) -> Signature:
    """Bins that nothing fell into borrow from the next one, so that short texts compare too."""
    filled = list(lowest)
    for slot in range(BINS):
        distance = 1
        while filled[slot] == _EMPTY:
            neighbour = lowest[(slot + distance) % BINS]
            filled[slot] = neighbour if neighbour == _EMPTY else (neighbour + distance * 0x9E3779B1) % _EMPTY
            distance += 1
    return tuple(filled)


def bands(signed: Signature) -> list[int]:
    """Keys of which two similar texts share at least one: what an index is asked for."""
    keys = []
    for number, start in enumerate(range(0, BINS, ROWS)):
        packed = ",".join(map(str, (number, *signed[start : start + ROWS])))
        keys.append(zlib.crc32(packed.encode()) - (1 << 31))
    return keys


def resemblance(one: Sequence[int], other: Sequence[int]) -> float:
    """The estimated share of word runs that two texts have in common, 0 to 1."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / BINS
