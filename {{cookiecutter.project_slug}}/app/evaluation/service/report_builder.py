"""Two runs into one report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from app.evaluation.domain.gate import GateResult, judge
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
    """policies/quality.yaml: what it says, and the digest of its bytes."""

    policy: QualityPolicy
    digest: str


@dataclass(frozen=True)
class EvaluationResults:
    """What both releases did with every case; `against` is an earlier report in place of the baseline."""

    suite: Suite
    candidate: Mapping[str, CaseResult]
    baseline: Mapping[str, CaseResult] | None
    against: Report | None
    opinions: Sequence[JudgeScores] = ()


def report_on(sides: EvaluationResults, rules: QualityPolicyFile, run: EvaluationRun, at: datetime) -> Report:
    """Scores both sides, judges them and writes down all of it; the same sides give the same verdict for ever."""
    candidate = _scored(run.release_id, sides.suite, sides.candidate, sides.opinions[:1])
    baseline = sides.against.candidate if sides.against else None
    if sides.baseline is not None and run.baseline_id:
        baseline = _scored(run.baseline_id, sides.suite, sides.baseline, sides.opinions[-1:])
    seed = _seed(candidate, baseline)
    judgement = judge(candidate, baseline, rules.policy, seed)
    worsened = tuple(_worsened(sides, judgement))
    notes = dict.fromkeys(each.note for each in sides.opinions)
    return Report.make(
        candidate, baseline, rules.policy, rules.digest, seed, at, worsened, judgement, tuple(notes), run.corpus
    )


def _scored(
    release_id: str, suite: Suite, seen: Mapping[str, CaseResult], opinions: Sequence[JudgeScores]
) -> RunScores:
    judged = opinions[0].by_case if opinions else None
    return score_run(release_id, suite.name, suite.digest, seen, judged)


def _seed(candidate: RunScores, baseline: RunScores | None) -> int:
    """Nobody can try seeds until one passes."""
    named = f"{candidate.release_id}:{baseline.release_id if baseline else ''}:{candidate.suite_digest}"
    return int.from_bytes(sha256(named.encode()).digest()[:4])


def _worsened(sides: EvaluationResults, judgement: GateResult) -> Iterator[WorsenedCase]:
    names = dict.fromkeys((*judgement.fallen, *(name for name, *_ in judgement.worse)))
    for name in names:
        case, seen = sides.candidate[name]
        before = sides.baseline.get(name) if sides.baseline else None
        yield WorsenedCase(
            case_id=name, question=case.question, before=_told(before[1]) if before else None, after=_told(seen)
        )


def _told(seen: Observation) -> ReleaseAnswer:
    places = (f"{each.uri}: {each.quote}" for each in seen.cited)
    return ReleaseAnswer(text=seen.text, citations=tuple(places), refused=seen.refused)
