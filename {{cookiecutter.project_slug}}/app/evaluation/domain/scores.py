from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.evaluation.domain.metrics import METRICS


@dataclass(frozen=True, slots=True)
class CaseScore:
    """What one case got. cluster: the source document it is drawn from; cases of one cluster stand or fall together.
    values: by metric, in the metric's unit; None where the metric says nothing about this case. A case that could not
    be answered gets the worst value, never None: what is not measured is not compared.
    """

    case_id: str
    digest: str
    cluster: str
    slices: tuple[str, ...] = ()
    protected: bool = False
    values: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunScores:
    """All cases of one suite as one release answered them."""

    release_id: str
    suite: str
    suite_digest: str
    cases: tuple[CaseScore, ...]

    def slices(self) -> tuple[str, ...]:
        return tuple(sorted({name for case in self.cases for name in case.slices}))


def faults(candidate: RunScores, baseline: RunScores | None) -> tuple[str, ...]:
    """Why these runs must not be compared, a sentence each; nothing when they may be."""
    found = list(_doubled(candidate))
    if not candidate.cases:
        found.append("The run of the candidate holds no case.")
    if baseline is None:
        return tuple(found)
    found += _doubled(baseline)
    if candidate.suite_digest != baseline.suite_digest:
        found.append(
            f"The candidate ran suite {candidate.suite} at {candidate.suite_digest[:12]}, "
            f"the baseline {baseline.suite} at {baseline.suite_digest[:12]}."
        )
    return (*found, *_unpaired(candidate, baseline))


def _doubled(run: RunScores) -> list[str]:
    counts = Counter(case.case_id for case in run.cases)
    twice = sorted(name for name, count in counts.items() if count > 1)
    return [f"Release {run.release_id[:12]} has more than one row for {_named(twice)}."] if twice else []


def _unpaired(candidate: RunScores, baseline: RunScores) -> list[str]:
    new = {case.case_id: case.digest for case in candidate.cases}
    old = {case.case_id: case.digest for case in baseline.cases}
    changed = sorted(name for name in new.keys() & old.keys() if new[name] != old[name])
    told = (
        (sorted(old.keys() - new.keys()), "The candidate did not answer"),
        (sorted(new.keys() - old.keys()), "The baseline did not answer"),
        (changed, "Not the same question on both sides:"),
    )
    return [f"{sentence} {_named(names)}." for names, sentence in told if names]


def unmeasured(candidate: RunScores, baseline: RunScores | None) -> tuple[str, ...]:
    """Metrics that spoke about the baseline and do not speak about the candidate, or the other way round: a scorer that
    fell silent must not look like a metric that did not fall.
    """
    before = {case.case_id: case for case in baseline.cases} if baseline else {}
    pairs = [(case, old) for case in candidate.cases if (old := before.get(case.case_id))]
    told = []
    for name, metric in METRICS.items():
        sides = [(new.case_id, new.values.get(name) is None, old.values.get(name) is None) for new, old in pairs]
        apart = sorted(case_id for case_id, new, old in sides if new != old)
        silent = all(new for _, new, _ in sides) and not all(old for _, _, old in sides)
        if apart and (metric.owed or silent):
            told.append(f"{name} was measured on one side only for {_named(apart)}.")
    return tuple(told)


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
