"""Synthetic series on which alerts are tried."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """name: with its labels, as promtool writes them. values: one a step."""

    name: str
    values: tuple[float, ...]

    @property
    def notation(self) -> str:
        """promtool's notation, with runs of equal differences shortened."""
        parts: list[str] = []
        at = 0
        values = self.values
        while at < len(values):
            last = at + 1
            step = values[last] - values[at] if last < len(values) else 0.0
            while last + 1 < len(values) and abs(values[last + 1] - values[last] - step) < 1e-9:
                last += 1
            if last - at < 2:
                parts.append(f"{values[at]:.10g}")
                at += 1
                continue
            parts.append(f"{values[at]:.10g}{step:+.10g}x{last - at}")
            at = last + 1
        return " ".join(parts)


@dataclass(frozen=True)
class RuleCase:
    """fires: whether the alert is firing at `end_minutes`."""

    what: str
    step_minutes: float
    end_minutes: float
    series: Sequence[Series]
    fires: bool


def counting(each_step: float, steps: int) -> list[float]:
    """A counter from 0 on."""
    return [each_step * n for n in range(steps + 1)]


def constant(value: float, steps: int) -> list[float]:
    return [value] * (steps + 1)
