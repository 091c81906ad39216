"""How much two texts share, from signatures small enough to index."""

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
_CHOSEN = 8
_LONG_WORD = 60
_PIECE = 1 << 16
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


def distinct_share(text: str) -> float:
    """About how much of a text is no repetition, 0 to 1: distinct runs of five words among all of them, or, where a
    text has hardly any words, how far it can be compressed. In one pass, and in little memory whatever the text.
    """
    count, kept = 0, set()
    run: deque[str] = deque(maxlen=SHINGLE)
    for match in _WORD.finditer(text):
        run.append(match.group())
        count += 1
        # One in eight, chosen by what they say: a run that comes again is chosen again, and counted once.
        if not (hashed := zlib.crc32(" ".join(run).encode())) % _CHOSEN:
            kept.add(hashed)
    if count and count * _LONG_WORD >= len(text):
        return min(1.0, len(kept) * _CHOSEN / count)
    packer = zlib.compressobj(1)
    pieces = (text[start : start + _PIECE].encode() for start in range(0, len(text), _PIECE))
    packed, size = 0, 0
    for piece in pieces:
        packed, size = packed + len(packer.compress(piece)), size + len(piece)
    return min(1.0, (packed + len(packer.flush())) / size) if size else 1.0


def bands(signed: Signature) -> list[int]:
    """Keys of which two similar texts share at least one: what an index is asked for."""
    keys = []
    for number, start in enumerate(range(0, BINS, ROWS)):
        packed = ",".join(map(str, (number, *signed[start : start + ROWS])))
        keys.append(zlib.crc32(packed.encode()) - (1 << 31))
    return keys


def similarity(one: Sequence[int], other: Sequence[int]) -> float:
    """The estimated share of word runs that two texts have in common, 0 to 1."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / BINS
