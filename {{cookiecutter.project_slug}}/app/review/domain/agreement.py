"""Inter-rater agreement on blind pairs: Krippendorff's alpha for nominal labels."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """pairs: answers that two people reviewed. agreed: pairs with the same label. alpha: 1 is full agreement, 0 chance;
    None with fewer than two pairs, or when all labels are the same.
    """

    pairs: int
    agreed: int
    alpha: float | None


def agreement(units: Iterable[Sequence[str]]) -> Agreement:
    """units: for each answer, the labels of different people. Source: Krippendorff, Content Analysis, ch. 11."""
    rated = [unit for unit in units if len(unit) >= 2]
    agreed = sum(len(set(unit)) == 1 for unit in rated)
    return Agreement(len(rated), agreed, _alpha(rated) if len(rated) >= 2 else None)


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
