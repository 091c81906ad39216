"""The limit on concurrent work that follows how long ready work waits inside the process."""

from collections.abc import Callable
from dataclasses import dataclass

GROWTH = 0.1
SHRINK = 0.9
SHRINK_FAST = 0.7
FAR_ABOVE = 4.0
"""A wait of this many times the target shrinks the limit by SHRINK_FAST."""


@dataclass
class AdaptiveLimit:
    """Grows by a tenth while it is reached and nothing waits; shrinks by a tenth while ready work waits too long.

    Driven by waits in the process's own queues, not by the duration of answers: that depends on the length of what a
    model writes, and a slow model is a reason for more concurrency, not for less.

    largest: read at each update. target_seconds: the longest standing wait that does not shrink it.
    """

    smallest: int
    initial: int
    largest: Callable[[], int]
    target_seconds: float
    _exact: float | None = None

    @property
    def current(self) -> int:
        """At least `smallest`, except where `largest` is below it."""
        return int(self._bounded(self.initial if self._exact is None else self._exact))

    def update(self, standing_wait: float, peak_in_use: int) -> None:
        """Once in each interval. standing_wait: of QueueWaits. peak_in_use: the most places in use in the interval."""
        exact = self._bounded(self.initial if self._exact is None else self._exact)
        if standing_wait > self.target_seconds:
            # Below half of the limit it is not this work that makes others wait.
            if 2 * peak_in_use >= exact:
                exact *= SHRINK_FAST if standing_wait > FAR_ABOVE * self.target_seconds else SHRINK
        elif peak_in_use >= int(exact):
            exact += max(1.0, GROWTH * exact)
        self._exact = self._bounded(exact)

    def _bounded(self, exact: float) -> float:
        return float(min(max(exact, self.smallest), self.largest()))
