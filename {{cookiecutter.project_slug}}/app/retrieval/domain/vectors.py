import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector of length one in half precision, as the database stores it: big-endian 16-bit floats."""

    halves: bytes

    @classmethod
    def of(cls, floats: Sequence[float]) -> Self:
        """Normalise `floats` to length one. Errors: ValueError when a value is not a number or all are zero."""
        length = math.sqrt(math.fsum(x * x for x in floats))
        if not floats or not math.isfinite(length) or length == 0:
            raise ValueError("not a direction")
        return cls(struct.pack(f">{len(floats)}e", *(x / length for x in floats)))

    @property
    def dimensions(self) -> int:
        return len(self.halves) // 2

    def floats(self) -> tuple[float, ...]:
        return struct.unpack(f">{self.dimensions}e", self.halves)

    def dot(self, other: "Vector") -> float:
        """The cosine between the two. Errors: ValueError when their dimensions differ."""
        return math.fsum(a * b for a, b in zip(self.floats(), other.floats(), strict=True))
