import os
import time
from hashlib import sha256
from uuid import UUID


def new_mark() -> str:
    """A short random word that nobody can know beforehand."""
    return os.urandom(4).hex()


def new_id() -> UUID:
    """A version 7 UUID: 48 bits of Unix milliseconds, then random bits, so that ids sort by their creation time."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10))
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | noise
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def in_sample(key: bytes, rate: float) -> bool:
    """Whether a key is in a sample of this rate (0 to 1): deterministic, and in every larger sample too."""
    return rate >= 1 or int.from_bytes(sha256(key).digest()[:8]) < rate * 2**64
