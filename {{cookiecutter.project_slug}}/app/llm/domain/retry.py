"""When a failed call is retried: exponential backoff with full jitter, inside a retry budget."""

from dataclasses import dataclass

MAX_ATTEMPTS = 3
FIRST_BACKOFF, MAX_BACKOFF = 0.1, 2.0


def backoff(attempt: int, random_fraction: float) -> float:
    """Full jitter: seconds before the retry that follows attempt 1, 2, …; `random_fraction` is uniform in 0..1."""
    return random_fraction * min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** (attempt - 1))


@dataclass
class RetryBudget:
    """A token bucket that limits retries to a tenth of the calls plus ten: retries must not worsen an overload."""

    ratio: float = 0.1
    capacity: float = 10.0
    tokens: float = 10.0

    def deposit(self) -> None:
        self.tokens = min(self.capacity, self.tokens + self.ratio)

    def withdraw(self) -> bool:
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
