"""Scorers of the team's own, beside the shipped metrics. They are registered once, at the start of a process."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from app.evaluation.domain.cases import Case
from app.evaluation.domain.metrics import METRICS, Metric
from app.evaluation.domain.observation import Observation

SCORERS: dict[str, "Scorer"] = {}
"""By the name of their metric."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """A metric, and how it is scored: in the metric's unit, and None where it does not apply.

    version: incremented when a score changes its meaning, so that old scores are not compared.
    """

    metric: Metric
    score: Callable[[Case, Observation], float | None]
    version: int = 1


def add_scorers(scorers: Iterable[Scorer]) -> None:
    """Errors: ValueError, for the name of a metric that there is already."""
    for scorer in scorers:
        name = scorer.metric.name
        if SCORERS.get(name, scorer) != scorer or (name in METRICS and name not in SCORERS):
            raise ValueError(f"there is a metric {name} already")
        SCORERS[name] = scorer
        METRICS[name] = scorer.metric


def extension_values(case: Case, observation: Observation) -> dict[str, float | None]:
    """The values of the team's metrics. Errors: ValueError, for a share that is none."""
    return {name: _value(scorer, case, observation) for name, scorer in SCORERS.items()}


def _value(scorer: Scorer, case: Case, observation: Observation) -> float | None:
    value = scorer.score(case, observation)
    if value is not None and scorer.metric.unit == "share" and not 0 <= value <= 1:
        raise ValueError(f"{scorer.metric.name} of case {case.id} is {value}, and a share is from 0 to 1")
    return value


def scoring_of(version: int) -> int | Mapping[str, int]:
    """The versions of all scorers, for the digest of a suite. version: of the shipped ones; that alone without own."""
    own = {name: scorer.version for name, scorer in SCORERS.items()}
    return {"shipped": version, **own} if own else version
