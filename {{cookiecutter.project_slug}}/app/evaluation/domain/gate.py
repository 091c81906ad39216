from dataclasses import dataclass
from typing import Literal

from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.scores import RunScores

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
WHOLE = "all"
"""The name under which the suite as a whole is judged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric on the whole suite or on one slice.

    baseline, candidate: means over the cases that both sides were scored on, in the metric's unit; for latency and
    cost geometric means. difference, low, high: positive is better, and for latency and cost a share of the baseline.
    p: one-sided, against no fall, adjusted for all metrics judged together. detectable: the smallest fall that this
    many cases would show with the policy's power. blocking: whether this verdict counts for the release.
    """

    metric: str
    slice: str
    cases: int
    clusters: int
    baseline: float | None
    candidate: float
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    tolerance: float
    floor: float | None
    verdict: Verdict
    reason: str
    more_cases: int | None = None
    detectable: float | None = None
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """faults: why the runs cannot be compared; fallen: protected cases; worse: (case, metric, before, after)."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    fallen: tuple[str, ...] = ()
    worse: tuple[tuple[str, str, float, float], ...] = ()
    faults: tuple[str, ...] = ()


def judge(candidate: RunScores, baseline: RunScores | None, policy: QualityPolicy, seed: int) -> Judgement:
    """PASS only when every blocking finding passed and no protected case fell; deterministic for a seed."""
    raise NotImplementedError
