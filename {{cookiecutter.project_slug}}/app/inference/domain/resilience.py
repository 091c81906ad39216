"""Small state machines that keep one sick provider from making everybody sick. Time comes in as an
argument.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

MOST_ATTEMPTS = 3
FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 2.0

State = Literal["closed", "open", "half_open"]


def backoff(attempt: int, chance: float) -> float:
    """Full jitter: seconds before the retry that follows attempt 1, 2, …; `chance` is drawn from 0..1."""
    return chance * min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** (attempt - 1))


@dataclass
class RetryBudget:
    """Lets retries be a tenth of the traffic, and a few more at the start, so that retries never feed an
    overload.
    """

    share: float = 0.1
    most: float = 10.0
    left: float = 10.0

    def deposit(self) -> None:
        self.left = min(self.most, self.left + self.share)

    def withdraw(self) -> bool:
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass
class Throttle:
    """Turns calls away here when the provider takes less than half of them, and at least `least` were made
    lately: max(0, (asked - 2 * taken) / (asked + 1)).
    """

    window: float = 10.0
    least: int = 10
    _seen: deque[tuple[float, bool]] = field(default_factory=deque)
    _taken: int = 0

    def refuses(self, now: float, chance: float) -> bool:
        self._forget(now)
        asked = len(self._seen)
        refused = asked >= self.least and chance < max(0.0, (asked - 2 * self._taken) / (asked + 1))
        if refused:
            self._seen.append((now, False))
        return refused

    def record(self, now: float, taken: bool) -> None:
        self._seen.append((now, taken))
        self._taken += taken

    def reset(self) -> None:
        self._seen.clear()
        self._taken = 0

    def _forget(self, now: float) -> None:
        while self._seen and self._seen[0][0] < now - self.window:
            self._taken -= self._seen.popleft()[1]


@dataclass
class Breaker:
    """Opens after `failures` failures among the last ten calls, lets one probe through every `rest` seconds,
    and closes with the first that succeeds."""

    failures: int = 5
    rest: float = 2.0
    state: State = "closed"
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=10))
    _changed: float = 0.0

    def admits(self, now: float) -> bool:
        if self.state == "closed":
            return True
        if now - self._changed < self.rest:
            return False
        # Half open and silent for a whole rest: the probe's caller has gone, so another may try.
        self.state, self._changed = "half_open", now
        return True

    def succeeded(self) -> bool:
        """True when this success closed it."""
        closed = self.state != "closed"
        if closed:
            self.state = "closed"
            self._recent.clear()
        self._recent.append(True)
        return closed

    def failed(self, now: float) -> None:
        self._recent.append(False)
        if self.state == "half_open" or self._recent.count(False) >= self.failures:
            self.state, self._changed = "open", now
