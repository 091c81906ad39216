"""How far people agree who judged the same text without knowing of each other: Krippendorff's alpha, nominal."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """alpha: 1 is full agreement, 0 what chance would give; None while nothing varies or fewer than two were judged
    twice.
    """

    pairs: int
    agreed: int
    alpha: float | None


def agreement(units: Iterable[Sequence[str]]) -> Agreement:
    """units: for each text the labels that different people gave it. Source: Krippendorff, Content Analysis, ch. 11."""
    judged = [unit for unit in units if len(unit) >= 2]
    agreed = sum(len(set(unit)) == 1 for unit in judged)
    return Agreement(len(judged), agreed, _alpha(judged) if len(judged) >= 2 else None)


def _alpha(units: Sequence[Sequence[str]]) -> float | None:
    totals = Counter(label for unit in units for label in unit)
    values = sum(totals.values())
    expected = sum(a * (values - a) for a in totals.values()) / (values - 1)
    if not expected:
        return None
    observed = 0.0
    for unit in units:
        counts = Counter(unit)
        observed += sum(count * (len(unit) - count) for count in counts.values()) / (len(unit) - 1)
    return 1 - observed / expected
