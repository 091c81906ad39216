"""Cheaper answers while the queue is filling, before any request is refused."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.slo import BrownoutStep

SMOOTHING_SECONDS = 2.0
"""The pressure is averaged over about this time, so that a burst changes no answer."""
HYSTERESIS = 0.7
"""A step ends when the pressure is below this part of what begins it, so that answers do not change back and forth."""


@dataclass
class Brownout:
    """steps: from the mildest to the strongest. pressure: how full the queue is, 0 to 1, averaged over time."""

    steps: Sequence[BrownoutStep] = ()
    pressure: float = 0.0
    level: int = 0
    _at: float | None = None

    def observe(self, pressure: float, now: float) -> None:
        """now: monotonic seconds."""
        if not self.steps:
            return
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self.pressure += (min(pressure, 1.0) - self.pressure) * -math.expm1(-elapsed / SMOOTHING_SECONDS)
        self.level = sum(self.pressure >= self._threshold(number) for number in range(1, len(self.steps) + 1))

    @property
    def step(self) -> BrownoutStep | None:
        """The step that applies to a new answer."""
        return self.steps[self.level - 1] if self.level else None

    def _threshold(self, number: int) -> float:
        begins = self.steps[number - 1].pressure
        return begins * HYSTERESIS if number <= self.level else begins
