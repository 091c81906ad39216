"""Evidence that may be looked at as often as one likes.

A difference between two arms is turned into an e-value: the likelihood of what was seen under harms of every size,
weighed by a half normal around the harm that matters, over its likelihood without harm (Robbins 1970; Johari and others
2015 call it mSPRT). Whoever acts when it first exceeds 1/alpha is wrong with a chance of at most alpha, whenever and
however often they look. Answers of one unit move together, so variances are those of units, not of answers.
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
    """One metric in one arm. units: (answers,), numbers of who sticks together. values: (answers,), more is worse."""

    units: NDArray[np.intp]
    values: _Floats

    @classmethod
    def of(cls, pairs: Sequence[tuple[Hashable, float]]) -> Self:
        """pairs: who and what, one an answer."""
        numbers = {unit: number for number, unit in enumerate(dict.fromkeys(unit for unit, _ in pairs))}
        units = np.array([numbers[unit] for unit, _ in pairs], dtype=np.intp)
        return cls(units, np.array([value for _, value in pairs], dtype=np.float64))

    @property
    def answers(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class HarmEvidence:
    """harm: how much worse the canary is; error: its standard error. against, acquits: logarithms of the evidence that
    there is harm, and that it is smaller than the margin.
    """

    control: float
    canary: float
    harm: float
    error: float
    against: float
    acquits: float


@dataclass(frozen=True, slots=True)
class _Arm:
    mean: float
    answers: int
    variance: float
    voices: float


def weigh(control: Sample, canary: Sample, margin: float, yes_no: bool) -> HarmEvidence:
    """margin: the harm that matters, in the unit of the values. yes_no: the values are 0 or 1, and may all be 0."""
    here, there = _arm(control), _arm(canary)
    harm = there.mean - here.mean
    seen = here.variance + there.variance
    none, full = (_imagined(here, there, at) if yes_no else 0.0 for at in (0.0, margin))
    freedom = _freedom(here, there)
    return HarmEvidence(
        control=here.mean,
        canary=there.mean,
        harm=harm,
        error=sqrt(max(seen, none)),
        against=_log_evidence(harm, max(seen, none), margin, freedom),
        acquits=_log_evidence(margin - harm, max(seen, full), margin, freedom),
    )


def _arm(sample: Sample) -> _Arm:
    sizes = np.bincount(sample.units).astype(np.float64)
    sums = np.bincount(sample.units, weights=sample.values)
    answers = float(sizes.sum())
    mean = float(sums.sum()) / answers
    voices = answers**2 / float((sizes**2).sum())
    spread = float(((sums - mean * sizes) ** 2).sum()) / answers**2
    return _Arm(mean, int(answers), spread / (1 - 1 / max(voices, 2.0)), voices)


def _imagined(control: _Arm, canary: _Arm, harm: float) -> float:
    """The variance that shares would have if the canary were worse by `harm`; before the first error none is seen."""
    both = control.answers + canary.answers
    share = (control.mean * control.answers + canary.mean * canary.answers + 1) / (both + 2)
    worse = min(share + harm, 1.0)
    return share * (1 - share) / control.answers + max(worse * (1 - worse), share * (1 - share)) / canary.answers


def _freedom(control: _Arm, canary: _Arm) -> float:
    """Degrees of freedom after Welch and Satterthwaite, in units of equal weight."""
    whole = control.variance + canary.variance
    if whole == 0:
        return canary.voices
    parts = (arm.variance**2 / max(arm.voices - 1, 1.0) for arm in (control, canary))
    return whole**2 / sum(parts)


def _log_evidence(harm: float, variance: float, scale: float, freedom: float) -> float:
    if variance < _NOISE**2:  # Every answer is the same to the last digit, as with models that cost nothing.
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


def chance(log_evidence: float) -> float:
    """The evidence as an always-valid p value."""
    return min(1.0, exp(-log_evidence)) if log_evidence > 0 else 1.0
