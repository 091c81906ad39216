"""May a judge model be believed? Only while it agrees with people beyond what chance would give."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from app.evaluation.domain.policy import JudgeRule


@dataclass(frozen=True, slots=True)
class Calibration:
    """kappa: None when there is nothing to agree about. believed: the judge's scores may be shown."""

    labels: int
    kappa: float | None
    believed: bool
    reason: str


def kappa(people: Sequence[Hashable], judge: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two raters over the same cases: 1 is full agreement, 0 is chance (Cohen 1960).

    None without labels, or when both sides give one and the same label throughout: agreement is then no achievement.
    """
    if len(people) != len(judge):
        raise ValueError("both sides label the same cases")
    count = len(people)
    if not count:
        return None
    agreed = sum(one == other for one, other in zip(people, judge, strict=True)) / count
    ours, theirs = Counter(people), Counter(judge)
    chance = sum(ours[label] * theirs[label] for label in ours) / count**2
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def calibrate(people: Sequence[Hashable], judge: Sequence[Hashable], rule: JudgeRule) -> Calibration:
    """Held against `judge` of policies/quality.yaml: enough labels, and agreement above the floor."""
    count, found = len(people), kappa(people, judge)
    if count < rule.minimum_labels:
        return Calibration(count, found, False, f"{count} human labels, {rule.minimum_labels} are needed")
    if found is None:
        return Calibration(count, found, False, "all labels are the same, which says nothing about agreement")
    believed = found >= rule.kappa_floor
    side = "reaches" if believed else "is below"
    return Calibration(count, found, believed, f"kappa {found:.2f} {side} the floor of {rule.kappa_floor:.2f}")
