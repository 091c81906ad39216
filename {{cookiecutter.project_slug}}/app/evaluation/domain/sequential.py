"""A sequential test that stays valid however often it is evaluated.

The difference between two arms is turned into an e-value, the mixture likelihood ratio with a half normal prior over
the size of the harm (Robbins 1970; mSPRT in Johari et al. 2015). Acting when it first exceeds 1/alpha has an error rate
of at most alpha under optional stopping. Answers of one unit are not independent, so variances are computed over units.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import erfc, exp, inf, log, log1p, sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class Sample:
    """One metric in one arm. units: (answers,), the unit of each. values: (answers,), higher is worse."""

    units: NDArray[np.intp]
    values: _Floats

    @classmethod
    def of(cls, pairs: Sequence[tuple[Hashable, float]]) -> Self:
        """pairs: (unit, value) of each answer."""
        numbers = {unit: number for number, unit in enumerate(dict.fromkeys(unit for unit, _ in pairs))}
        units = np.array([numbers[unit] for unit, _ in pairs], dtype=np.intp)
        return cls(units, np.array([value for _, value in pairs], dtype=np.float64))

    @property
    def answers(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class HarmEvidence:
    """harm: how much worse the canary is; error: its standard error. log_harm, log_no_harm: the log evidence that there
    is harm, and that it is smaller than the margin.
    """

    control: float
    canary: float
    harm: float
    error: float
    log_harm: float
    log_no_harm: float


@dataclass(frozen=True, slots=True)
class _Arm:
    mean: float
    answers: int
    variance: float
    effective_units: float


def harm_evidence(control: Sample, canary: Sample, margin: float, binary: bool) -> HarmEvidence:
    """margin: the harm that matters, in the unit of the values. binary: the values are 0 or 1, and may all be 0."""
    control_arm, canary_arm = _arm(control), _arm(canary)
    harm = canary_arm.mean - control_arm.mean
    observed = control_arm.variance + canary_arm.variance
    none, full = (_prior_variance(control_arm, canary_arm, at) if binary else 0.0 for at in (0.0, margin))
    freedom = _freedom(control_arm, canary_arm)
    return HarmEvidence(
        control=control_arm.mean,
        canary=canary_arm.mean,
        harm=harm,
        error=sqrt(max(observed, none)),
        log_harm=_log_evidence(harm, max(observed, none), margin, freedom),
        log_no_harm=_log_evidence(margin - harm, max(observed, full), margin, freedom),
    )


def _arm(sample: Sample) -> _Arm:
    sizes = np.bincount(sample.units).astype(np.float64)
    sums = np.bincount(sample.units, weights=sample.values)
    answers = float(sizes.sum())
    mean = float(sums.sum()) / answers
    effective_units = answers**2 / float((sizes**2).sum())
    spread = float(((sums - mean * sizes) ** 2).sum()) / answers**2
    return _Arm(mean, int(answers), spread / (1 - 1 / max(effective_units, 2.0)), effective_units)


def _prior_variance(control: _Arm, canary: _Arm, harm: float) -> float:
    """The variance of shares if the canary were worse by `harm`; before the first error the observed one is 0."""
    both = control.answers + canary.answers
    share = (control.mean * control.answers + canary.mean * canary.answers + 1) / (both + 2)
    worse = min(share + harm, 1.0)
    return share * (1 - share) / control.answers + max(worse * (1 - worse), share * (1 - share)) / canary.answers


def _freedom(control: _Arm, canary: _Arm) -> float:
    """Welch-Satterthwaite degrees of freedom, over effective units."""
    whole = control.variance + canary.variance
    if whole == 0:
        return canary.effective_units
    parts = (arm.variance**2 / max(arm.effective_units - 1, 1.0) for arm in (control, canary))
    return whole**2 / sum(parts)


def _log_evidence(harm: float, variance: float, scale: float, freedom: float) -> float:
    if variance < _NOISE**2:  # All values are identical, as the cost of local models.
        return inf if harm > _NOISE else 0.0
    t = harm / sqrt(variance)
    z = t * (1 - 1 / (4 * freedom)) / sqrt(1 + t**2 / (2 * freedom))
    information = scale**2 / variance
    weight = information / (1 + information)
    return log(2) - 0.5 * log1p(information) + 0.5 * z**2 * weight + _log_normal_below(z * sqrt(weight))


def _log_normal_below(z: float) -> float:
    if z > -30:
        return log(0.5 * erfc(-z / sqrt(2)))
    return -0.5 * z**2 - log(-z) - 0.919


def always_valid_p(log_evidence: float) -> float:
    """The p value that corresponds to the evidence."""
    return min(1.0, exp(-log_evidence)) if log_evidence > 0 else 1.0
