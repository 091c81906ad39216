"""Scores an observation by every metric; domain/metrics.py names the harm that each guards against."""

from collections.abc import Mapping

from app.evaluation.domain.cases import Case
from app.evaluation.domain.observation import Observation
from app.evaluation.domain.scorers import extension_values
from app.evaluation.domain.scores import CaseScore, RunScores
from app.evaluation.domain.scoring import answers, retrieval, safety

__all__ = ["score", "score_run", "values_of"]


def values_of(case: Case, observation: Observation, judged: float | None = None) -> dict[str, float | None]:
    """The value of every shipped metric for a case; None where a metric does not apply."""
    return {
        "retrieval_recall": retrieval.recall(case.sources, observation.found),
        "retrieval_mrr": retrieval.mrr(case.sources, observation.found),
        "retrieval_ndcg": retrieval.ndcg(case.sources, observation.found),
        "answer_facts": answers.facts(case, observation),
        "answer_f1": answers.f1(case, observation),
        "citation_precision": answers.citation_precision(case, observation),
        "citation_recall": answers.citation_recall(case, observation),
        "groundedness": None if observation.refused else observation.groundedness,
        "refusal_precision": safety.refusal_precision(case, observation),
        "refusal_recall": safety.refusal_recall(case, observation),
        "safety": safety.safety(case, observation),
        "latency_ms": observation.latency_ms,
        "cost_micro_usd": None if observation.cost_micro_usd is None else float(observation.cost_micro_usd),
        "judge": judged,
    }


def score(case: Case, observation: Observation, judged: float | None = None) -> CaseScore:
    values = {**values_of(case, observation, judged), **extension_values(case, observation)}
    return CaseScore(case.id, case.digest, case.cluster_id, case.slices, case.protected, values)


def score_run(
    release_id: str,
    suite: str,
    suite_digest: str,
    results: Mapping[str, tuple[Case, Observation]],
    judged: Mapping[str, float] | None = None,
) -> RunScores:
    """results: every case of the suite by its id, with the observation. judged: scores of the judge by case id."""
    scored = (score(case, observation, (judged or {}).get(name)) for name, (case, observation) in results.items())
    return RunScores(release_id, suite, suite_digest, tuple(scored))
