"""Whether a judge model is trusted: its agreement with people must exceed chance by a margin."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from app.evaluation.domain.policy import JudgeRule


@dataclass(frozen=True, slots=True)
class Calibration:
    """kappa: None where it is undefined. trusted: the judge's scores may be used."""

    labels: int
    kappa: float | None
    trusted: bool
    reason: str


def kappa(people: Sequence[Hashable], judge: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two raters over the same cases: 1 is full agreement, 0 is chance (Cohen 1960).

    None where it is undefined: without labels, or when all labels on both sides are the same.
    """
    if len(people) != len(judge):
        raise ValueError("both raters must label the same cases")
    count = len(people)
    if not count:
        return None
    agreed = sum(one == other for one, other in zip(people, judge, strict=True)) / count
    by_people, by_judge = Counter(people), Counter(judge)
    chance = sum(by_people[label] * by_judge[label] for label in by_people) / count**2
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def calibrate(people: Sequence[Hashable], judge: Sequence[Hashable], rule: JudgeRule) -> Calibration:
    """By `judge` of policies/quality.yaml: enough labels, and agreement at or above the floor."""
    count, agreement = len(people), kappa(people, judge)
    if count < rule.minimum_labels:
        return Calibration(count, agreement, False, f"{count} human labels; at least {rule.minimum_labels} are needed")
    if agreement is None:
        return Calibration(count, agreement, False, "all labels are the same, so agreement is undefined")
    trusted = agreement >= rule.kappa_floor
    side = "reaches" if trusted else "is below"
    return Calibration(count, agreement, trusted, f"kappa {agreement:.2f} {side} the floor of {rule.kappa_floor:.2f}")
