"""The circuit breaker of one model or room: no calls while it is down. The time is passed as an argument."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]


@dataclass
class CircuitBreaker:
    """Opens after `failures` failures among the last ten calls, lets one probe through every `open_seconds` seconds,
    and closes with the first that succeeds."""

    failures: int = 5
    open_seconds: float = 2.0
    state: BreakerState = "closed"
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=10))
    _changed_at: float = 0.0

    def allows(self, now: float) -> bool:
        if self.state == "closed":
            return True
        if now - self._changed_at < self.open_seconds:
            return False
        # Half open without a result for `open_seconds`: the probe was cancelled, so that another is allowed.
        self.state, self._changed_at = "half_open", now
        return True

    def record_success(self) -> bool:
        """Record a success; returns whether it closed the breaker."""
        closed = self.state != "closed"
        if closed:
            self.state = "closed"
            self._recent.clear()
        self._recent.append(True)
        return closed

    def record_failure(self, now: float) -> None:
        self._recent.append(False)
        if self.state == "half_open" or self._recent.count(False) >= self.failures:
            self.state, self._changed_at = "open", now
