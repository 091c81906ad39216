"""From what was seen to values by metric, each named for the harm it guards against in domain/metrics.py."""

from collections.abc import Mapping

from app.evaluation.domain.cases import Case
from app.evaluation.domain.observation import Observation
from app.evaluation.domain.scores import CaseScore, RunScores
from app.evaluation.domain.scoring import answers, retrieval, safety

__all__ = ["score", "score_run", "values_of"]


def values_of(case: Case, seen: Observation, judged: float | None = None) -> dict[str, float | None]:
    """Every metric of a case; None where a metric says nothing about it."""
    return {
        "retrieval_recall": retrieval.recall(case.sources, seen.found),
        "retrieval_mrr": retrieval.mrr(case.sources, seen.found),
        "retrieval_ndcg": retrieval.ndcg(case.sources, seen.found),
        "answer_facts": answers.facts(case, seen),
        "answer_f1": answers.f1(case, seen),
        "citation_precision": answers.citation_precision(case, seen),
        "citation_recall": answers.citation_recall(case, seen),
        "groundedness": None if seen.refused else seen.groundedness,
        "refusal_precision": safety.refusal_precision(case, seen),
        "refusal_recall": safety.refusal_recall(case, seen),
        "safety": safety.safety(case, seen),
        "latency_ms": seen.latency_ms,
        "cost_micro_usd": None if seen.cost_micro_usd is None else float(seen.cost_micro_usd),
        "judge": judged,
    }


def score(case: Case, seen: Observation, judged: float | None = None) -> CaseScore:
    return CaseScore(case.id, case.digest, case.of_cluster, case.slices, case.protected, values_of(case, seen, judged))


def score_run(
    release_id: str,
    suite: str,
    suite_digest: str,
    seen: Mapping[str, tuple[Case, Observation]],
    judged: Mapping[str, float] | None = None,
) -> RunScores:
    """seen: every case of the suite by its id, with what the release did."""
    scored = (score(case, observed, (judged or {}).get(name)) for name, (case, observed) in seen.items())
    return RunScores(release_id, suite, suite_digest, tuple(scored))
