"""Builds the report from the results of both releases."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from app.core.redaction import redact
from app.evaluation.domain.gate import GateResult, apply_gate
from app.evaluation.domain.observation import Observation
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.report import ReleaseAnswer, Report, WorsenedCase
from app.evaluation.domain.runs import EvaluationRun
from app.evaluation.domain.scores import RunScores
from app.evaluation.domain.scoring import score_run
from app.evaluation.domain.suites import Suite
from app.evaluation.service.case_runner import CaseResult
from app.evaluation.service.llm_judge import JudgeScores


@dataclass(frozen=True)
class QualityPolicyFile:
    """policies/quality.yaml: its content, and the digest of its bytes."""

    policy: QualityPolicy
    digest: str


@dataclass(frozen=True)
class EvaluationResults:
    """The results of both releases by case id. against: an earlier report in place of the baseline."""

    suite: Suite
    candidate: Mapping[str, CaseResult]
    baseline: Mapping[str, CaseResult] | None
    against: Report | None
    judge_scores: Sequence[JudgeScores] = ()


def build_report(
    results: EvaluationResults, policy_file: QualityPolicyFile, run: EvaluationRun, at: datetime
) -> Report:
    """Scores both sides and applies the gate. Deterministic: the same results always give the same verdict."""
    candidate = _scored(run.release_id, results.suite, results.candidate, results.judge_scores[:1])
    baseline = results.against.candidate if results.against else None
    if results.baseline is not None and run.baseline_id:
        baseline = _scored(run.baseline_id, results.suite, results.baseline, results.judge_scores[-1:])
    seed = _seed(candidate, baseline)
    gate_result = apply_gate(candidate, baseline, policy_file.policy, seed)
    worsened = tuple(_worsened(results, gate_result))
    notes = dict.fromkeys(scores.note for scores in results.judge_scores)
    return Report.make(
        candidate,
        baseline,
        policy_file.policy,
        policy_file.digest,
        seed,
        at,
        worsened,
        gate_result,
        tuple(notes),
        run.corpus,
    )


def _scored(release_id: str, suite: Suite, side: Mapping[str, CaseResult], scores: Sequence[JudgeScores]) -> RunScores:
    judged = scores[0].by_case if scores else None
    return score_run(release_id, suite.name, suite.digest, side, judged)


def _seed(candidate: RunScores, baseline: RunScores | None) -> int:
    """Derived from what is compared, so that nobody can try seeds until one passes."""
    identity = f"{candidate.release_id}:{baseline.release_id if baseline else ''}:{candidate.suite_digest}"
    return int.from_bytes(sha256(identity.encode()).digest()[:4])


def _worsened(results: EvaluationResults, gate_result: GateResult) -> Iterator[WorsenedCase]:
    case_ids = dict.fromkeys((*gate_result.fallen, *(case_id for case_id, *_ in gate_result.worse)))
    for case_id in case_ids:
        case, after = results.candidate[case_id]
        before = results.baseline.get(case_id) if results.baseline else None
        yield WorsenedCase(
            case_id=case_id,
            question=redact(case.question),
            before=_release_answer(before.observation) if before else None,
            after=_release_answer(after),
        )


def _release_answer(observation: Observation) -> ReleaseAnswer:
    citations = tuple(redact(f"{each.uri}: {each.quote}") for each in observation.cited)
    return ReleaseAnswer(text=redact(observation.text), citations=citations, refused=observation.refused)
