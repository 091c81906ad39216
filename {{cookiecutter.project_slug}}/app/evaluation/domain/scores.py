from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.evaluation.domain.metrics import METRICS


@dataclass(frozen=True, slots=True)
class CaseScore:
    """The scores of one case. cluster: the source document it comes from; cases of one cluster are not independent.
    values: by metric, in the metric's unit; None where the metric does not apply. A case without an answer gets the
    worst value, never None, because None is not compared.
    """

    case_id: str
    digest: str
    cluster: str
    slices: tuple[str, ...] = ()
    protected: bool = False
    values: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunScores:
    """The scores of one release on all cases of a suite."""

    release_id: str
    suite: str
    suite_digest: str
    cases: tuple[CaseScore, ...]

    def slices(self) -> tuple[str, ...]:
        return tuple(sorted({name for case in self.cases for name in case.slices}))


def faults(candidate: RunScores, baseline: RunScores | None) -> tuple[str, ...]:
    """Why these runs cannot be compared, a sentence each; empty when they can."""
    reasons = list(_duplicates(candidate))
    if not candidate.cases:
        reasons.append("The run of the candidate contains no case.")
    if baseline is None:
        return tuple(reasons)
    reasons += _duplicates(baseline)
    if candidate.suite_digest != baseline.suite_digest:
        reasons.append(
            f"The candidate ran suite {candidate.suite} at {candidate.suite_digest[:12]}, "
            f"the baseline {baseline.suite} at {baseline.suite_digest[:12]}."
        )
    return (*reasons, *_unpaired(candidate, baseline))


def _duplicates(run: RunScores) -> list[str]:
    counts = Counter(case.case_id for case in run.cases)
    twice = sorted(name for name, count in counts.items() if count > 1)
    return [f"Release {run.release_id[:12]} has more than one row for {_named(twice)}."] if twice else []


def _unpaired(candidate: RunScores, baseline: RunScores) -> list[str]:
    new = {case.case_id: case.digest for case in candidate.cases}
    old = {case.case_id: case.digest for case in baseline.cases}
    changed = sorted(name for name in new.keys() & old.keys() if new[name] != old[name])
    mismatches = (
        (sorted(old.keys() - new.keys()), "The candidate did not answer"),
        (sorted(new.keys() - old.keys()), "The baseline did not answer"),
        (changed, "Not the same question on both sides:"),
    )
    return [f"{sentence} {_named(names)}." for names, sentence in mismatches if names]


def unmeasured(candidate: RunScores, baseline: RunScores | None) -> tuple[str, ...]:
    """Metrics with a value on one side only: a broken scorer must not look like an unchanged metric."""
    before = {case.case_id: case for case in baseline.cases} if baseline else {}
    pairs = [(case, old) for case in candidate.cases if (old := before.get(case.case_id))]
    reasons = []
    for name, metric in METRICS.items():
        sides = [(new.case_id, new.values.get(name) is None, old.values.get(name) is None) for new, old in pairs]
        one_sided = sorted(case_id for case_id, new, old in sides if new != old)
        unscored = all(new for _, new, _ in sides) and not all(old for _, _, old in sides)
        if one_sided and (metric.always_scored or unscored):
            reasons.append(f"{name} was measured on one side only for {_named(one_sided)}.")
    return tuple(reasons)


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
