"""The adaptive throttle of one model: calls are rejected here while its provider rejects most of them."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Throttle:
    """Turns calls away here when the provider takes less than half of them, and at least `min_calls` were made
    lately: max(0, (asked - 2 * taken) / (asked + 1)).
    """

    window: float = 10.0
    min_calls: int = 10
    _seen: deque[tuple[float, bool]] = field(default_factory=deque)
    _accepted: int = 0

    def rejects(self, now: float, random_fraction: float) -> bool:
        self._forget(now)
        calls = len(self._seen)
        refused = calls >= self.min_calls and random_fraction < max(0.0, (calls - 2 * self._accepted) / (calls + 1))
        if refused:
            self._seen.append((now, False))
        return refused

    def record(self, now: float, accepted: bool) -> None:
        self._seen.append((now, accepted))
        self._accepted += accepted

    def reset(self) -> None:
        self._seen.clear()
        self._accepted = 0

    def _forget(self, now: float) -> None:
        while self._seen and self._seen[0][0] < now - self.window:
            self._accepted -= self._seen.popleft()[1]
