"""Near-duplicate detection: minhash signatures of word shingles, and LSH bands to look them up."""

import re
import zlib
from collections import deque
from collections.abc import Sequence
from itertools import islice

BINS = 64
ROWS = 4
SHINGLE = 5
MIN_WORDS = 40
_MAX_WORDS = 200_000
_EMPTY = 1 << 32
_SAMPLE_RATE = 8
_LONG_WORD = 60
_COMPRESSED_BLOCK = 1 << 16
_WORD = re.compile(r"\w+")

Signature = tuple[int, ...]


def signature(text: str) -> Signature | None:
    """One-permutation minhash over shingles of five words; None for a text too short to compare."""
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
    """Empty bins take the value of the next one, so that short texts can be compared too."""
    filled = list(lowest)
    for slot in range(BINS):
        distance = 1
        while filled[slot] == _EMPTY:
            neighbour = lowest[(slot + distance) % BINS]
            filled[slot] = neighbour if neighbour == _EMPTY else (neighbour + distance * 0x9E3779B1) % _EMPTY
            distance += 1
    return tuple(filled)


def distinct_share(text: str) -> float:
    """The estimated share of a text that is not repeated, 0 to 1: distinct shingles among all of them, or, where a text
    has hardly any words, its compression ratio. One pass, with little memory.
    """
    count, sampled = 0, set()
    run: deque[str] = deque(maxlen=SHINGLE)
    for match in _WORD.finditer(text):
        run.append(match.group())
        count += 1
        # One shingle in eight, sampled by its hash: a repeated shingle is sampled again, and counted once.
        if not (hashed := zlib.crc32(" ".join(run).encode())) % _SAMPLE_RATE:
            sampled.add(hashed)
    if count and count * _LONG_WORD >= len(text):
        return min(1.0, len(sampled) * _SAMPLE_RATE / count)
    packer = zlib.compressobj(1)
    pieces = (text[start : start + _COMPRESSED_BLOCK].encode() for start in range(0, len(text), _COMPRESSED_BLOCK))
    packed, size = 0, 0
    for piece in pieces:
        packed, size = packed + len(packer.compress(piece)), size + len(piece)
    return min(1.0, (packed + len(packer.flush())) / size) if size else 1.0


def bands(signed: Signature) -> list[int]:
    """LSH keys, of which two similar texts share at least one."""
    keys = []
    for number, start in enumerate(range(0, BINS, ROWS)):
        packed = ",".join(map(str, (number, *signed[start : start + ROWS])))
        keys.append(zlib.crc32(packed.encode()) - (1 << 31))
    return keys


def similarity(one: Sequence[int], other: Sequence[int]) -> float:
    """The estimated share of shingles that two texts have in common, 0 to 1."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / BINS
