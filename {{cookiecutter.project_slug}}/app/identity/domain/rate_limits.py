"""Requests that a process may let through without asking the database again."""

from dataclasses import dataclass
from typing import Final

WINDOW_SECONDS: Final = 60.0
"""How long a share counts: after that, the caller's limit has recovered from it."""
QUICK_SECONDS: Final = 1.0
"""A share that was used up within this time is followed by one of twice the size."""


@dataclass
class RequestLimits:
    """Requests per minute, over all processes."""

    per_key: int
    per_tenant: int = 10**9


@dataclass(slots=True)
class RequestShare:
    """A part of one caller's limit that this process has taken. Times: monotonic seconds."""

    left: int = 0
    size: int = 0
    taken_at: float = 0.0
    closed_until: float = 0.0

    def use(self, now: float) -> float | None:
        """Counts a request: 0.0 when it is allowed, the seconds to wait when it is refused; None when the database
        must decide.
        """
        if self.closed_until > now:
            return self.closed_until - now
        if self.left and now - self.taken_at < WINDOW_SECONDS:
            self.left -= 1
            return 0.0
        return None

    def next_size(self, per_minute: int, now: float) -> int:
        """How many requests to take next: one, twice as many each time for a busy caller, at most those of a second."""
        busy = self.size and not self.left and now - self.taken_at < QUICK_SECONDS
        return max(1, min(2 * self.size, per_minute // 60)) if busy else 1

    def fill(self, taken: int, wait: float, now: float) -> None:
        """wait: until one would be allowed, where none was taken."""
        self.left, self.size, self.taken_at = taken, taken, now
        self.closed_until = 0.0 if taken else now + wait
