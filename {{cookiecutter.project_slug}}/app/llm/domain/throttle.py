"""The adaptive throttle of one model: calls are rejected here while its provider rejects most of them."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Throttle:
    """Rejects calls when the provider accepted less than half of at least `min_calls` calls within `window` seconds,
    with the probability max(0, (calls - 2 * accepted) / (calls + 1)).
    """

    window: float = 10.0
    min_calls: int = 10
    _calls: deque[tuple[float, bool]] = field(default_factory=deque)
    _accepted: int = 0

    def rejects(self, now: float, random_fraction: float) -> bool:
        self._drop_old(now)
        calls = len(self._calls)
        rejected = calls >= self.min_calls and random_fraction < max(0.0, (calls - 2 * self._accepted) / (calls + 1))
        if rejected:
            self._calls.append((now, False))
        return rejected

    def record(self, now: float, accepted: bool) -> None:
        self._calls.append((now, accepted))
        self._accepted += accepted

    def reset(self) -> None:
        self._calls.clear()
        self._accepted = 0

    def _drop_old(self, now: float) -> None:
        while self._calls and self._calls[0][0] < now - self.window:
            self._accepted -= self._calls.popleft()[1]
