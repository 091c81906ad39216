"""The signals of drift, and how the chance of a false alarm is spent on them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from app.monitoring.domain.drift.drift_policy import DriftPolicy

SignalName = Literal[
    "questions",
    "uncovered",
    "topics",
    "refusals",
    "retrieval_scores",
    "languages",
    "sources",
    "question_length",
    "answer_length",
    "costs",
    "latency",
]
"""questions: the distribution of their vectors; uncovered: questions unlike all of the reference; topics: the shares of
the nearest clusters; latency: by model."""
SIGNALS: tuple[SignalName, ...] = get_args(SignalName)
OF_QUESTIONS: frozenset[SignalName] = frozenset({"questions", "uncovered", "topics", "languages", "question_length"})
"""Signals that only speak of what is asked, and so do not change with a release."""
PERIOD_DAYS = 30
LOOKS_A_DAY = 24
"""At most: all signals are looked at once an hour, and `questions` once a day."""


@dataclass(frozen=True, slots=True)
class SignalCheck:
    """One look at one signal. p: the chance of such a difference without drift. alpha: below it p is significant.
    effect: the change of a share, the PSI of a distribution, the squared discrepancy of `questions`.
    reference, window: the answers that were compared.
    """

    signal: SignalName
    p: float
    alpha: float
    effect: float
    reference: int
    window: int

    def drifted(self, policy: DriftPolicy) -> bool:
        """Whether it is significant, and large enough to matter."""
        least = 0.0
        if self.signal in ("uncovered", "refusals"):
            least = policy.min_share
        elif self.signal != "questions":
            least = policy.min_shift
        return self.p <= self.alpha and abs(self.effect) >= least


def alpha_of_look(policy: DriftPolicy, looks_a_day: int = LOOKS_A_DAY, tenants: int = 1) -> float:
    """The level of one look at one signal: the whole chance, divided equally among tenants, signals and the looks of 30
    days (Bonferroni), so that it holds however the looks depend on each other.
    """
    return policy.alpha / (len(SIGNALS) * PERIOD_DAYS * looks_a_day * max(1, tenants))


@dataclass(frozen=True, slots=True)
class EvaluatedRelease:
    """The live release, if it passed its evaluation. since: when it went live."""

    id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class DriftReference:
    """The period that traffic is compared with. release_id: the release that was live in it, where it is a reference
    of the signals about answers only.
    """

    pinned_at: datetime
    since: datetime
    until: datetime
    release_id: str | None = None

    def is_before(self, release: EvaluatedRelease) -> bool:
        """Whether it has nothing of the time of the release."""
        return self.until <= release.since


@dataclass(frozen=True, slots=True)
class DriftReferences:
    """questions: of the signals about questions, which no release changes. answers: of the others."""

    questions: DriftReference
    answers: DriftReference

    def of(self, signal: SignalName) -> DriftReference:
        return self.questions if signal in OF_QUESTIONS else self.answers

    def signals_by_reference(self) -> list[tuple[DriftReference, frozenset[SignalName]]]:
        if self.questions == self.answers:
            return [(self.questions, frozenset(SIGNALS))]
        return [(self.questions, OF_QUESTIONS), (self.answers, frozenset(SIGNALS) - OF_QUESTIONS)]


@dataclass(frozen=True, slots=True)
class StoredCheck:
    """examples: answers that show the change; none without drift."""

    at: datetime
    check: SignalCheck
    drifted: bool
    examples: tuple[UUID, ...]


def is_healthy(refused: int, degraded: int, answers: int, policy: DriftPolicy) -> bool:
    """Whether a period may be a reference."""
    enough = answers >= policy.min_reference
    return enough and refused <= policy.max_refused * answers and degraded <= policy.max_degraded * answers
