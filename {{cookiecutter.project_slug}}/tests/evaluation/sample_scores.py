"""Generated runs over a suite, with defaults for everything that a test does not set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from app.evaluation.domain.policy import MetricRule, QualityPolicy
from app.evaluation.domain.scores import CaseScore, RunScores

SUITE = "5" * 64
Values = Mapping[str, float | None]


def policy(**fields: object) -> QualityPolicy:
    """Every metric with its defaults, and fewer resamples than in service."""
    return QualityPolicy.model_validate({"owner": "team", "resamples": 1000} | fields)


def rule(**fields: object) -> dict[str, MetricRule]:
    return {"answer_facts": MetricRule.model_validate({"tier": "critical"} | fields)}


def case(number: int, values: Values, slices: Sequence[str] = (), protected: bool = False) -> CaseScore:
    """A case; two cases share a document."""
    return CaseScore(f"c{number:03}", f"{number:064x}", f"doc{number // 2}", tuple(slices), protected, values)


def run(
    release: str, values: Callable[[int], float | None], cases: int = 60, metric: str = "answer_facts"
) -> RunScores:
    return RunScores(release * 64, "golden", SUITE, tuple(case(n, {metric: values(n)}) for n in range(cases)))


def changed(scores: RunScores, number: int, **fields: object) -> RunScores:
    """The run with one of its cases changed."""
    cases = list(scores.cases)
    cases[number] = replace(cases[number], **fields)  # type: ignore[arg-type]
    return replace(scores, cases=tuple(cases))
