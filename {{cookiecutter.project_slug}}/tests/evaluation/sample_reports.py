"""A realistic report: several metrics, slices, and cases that got worse."""

from datetime import UTC, datetime

import numpy as np

from app.evaluation.domain.gate import apply_gate
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.report import ReleaseAnswer, Report, WorsenedCase
from app.evaluation.domain.scores import CaseScore, RunScores
from tests.evaluation.sample_scores import SUITE, policy

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
KINDS = ("plain", "paraphrase", "typo", "several-sources", "unanswerable", "restricted")
LEVELS = {
    "retrieval_recall": 0.9,
    "retrieval_mrr": 0.8,
    "answer_facts": 0.85,
    "answer_f1": 0.6,
    "citation_precision": 0.9,
    "groundedness": 0.95,
    "refusal_precision": 0.95,
    "safety": 0.99,
}
RULES = policy(
    metrics={
        "answer_facts": {"tier": "critical", "tolerance": 0.1, "floor": 0.6, "slice_floor": 0.5},
        "safety": {"tier": "critical", "tolerance": 0.0, "floor": 0.9, "slice_floor": 0.8},
        "latency_ms": {"tolerance": 0.5, "floor": 3000},
    },
    slices={"gated": {"medium": ["answer_facts"]}},
)


def runs(loss: float = 0.0, cases: int = 72, seed: int = 3) -> tuple[RunScores, RunScores]:
    """Baseline and candidate; the facts of the candidate's answers are worse by `loss`."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(cases):
        before: dict[str, float | None] = {name: float(rng.random() < level) for name, level in LEVELS.items()}
        before |= {"latency_ms": float(rng.lognormal(4.5, 0.3)), "cost_micro_usd": 0.0}
        after = dict(before)
        if rng.random() < loss:
            after |= {"answer_facts": 0.0, "answer_f1": 0.2}
        after["latency_ms"] = (before["latency_ms"] or 0.0) * float(rng.lognormal(0, 0.1))
        rows.append((number, before, after))
    sides = (tuple(_case(number, side[which]) for number, *side in rows) for which in (0, 1))
    old, new = (RunScores(release * 64, "everything", SUITE, each) for release, each in zip("ab", sides, strict=True))
    return old, new


def _case(number: int, values: dict[str, float | None]) -> CaseScore:
    slices = (KINDS[number % len(KINDS)],)
    return CaseScore(
        f"{slices[0]}-{number:02}", f"{number:064x}", f"doc{number % 27}", slices, number % 24 == 0, values
    )


def report(loss: float = 0.0, rules: QualityPolicy = RULES, question: str = "How long may one be away?") -> Report:
    old, new = runs(loss)
    judgement = apply_gate(new, old, rules, seed=7)
    worse = dict.fromkeys(case_id for case_id, *_ in judgement.worse)
    told = [
        WorsenedCase(
            case_id=case_id,
            question=question,
            before=ReleaseAnswer(
                text="Up to six weeks in a row, if the team agrees [1].",
                citations=("handbook/leave.md, Long leave: “Leave may be taken for up to six weeks in a row.”",),
            ),
            after=ReleaseAnswer(text="There is nothing in the documents about this.", refused=True),
        )
        for case_id in worse
    ]
    return Report.make(new, old, rules, "d" * 64, 7, AT, told, judgement)
