"""What was measured and what was decided, as one file whose hash goes into the approval."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from math import isclose
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from app.core.errors import Invalid
from app.evaluation.domain.gate import GateResult, MetricFinding, Verdict, judge
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.scores import RunScores
from app.releases.domain import canonical_json, digest_of

WITHHELD = "(withheld)"


class ReportUnusable(Invalid):
    code, title = "report_unusable", "This is not an evaluation report as it was written"
    action = "Take the report from where the evaluation stored it, or evaluate the release again."


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ReleaseAnswer(_Frozen):
    """What one release said to a case. citations: what each one quotes, with where it stands."""

    text: str
    citations: tuple[str, ...] = ()
    refused: bool = False


class WorsenedCase(_Frozen):
    """A case that got worse, both sides beside each other; before is None when there is no baseline."""

    case_id: str
    question: str
    before: ReleaseAnswer | None
    after: ReleaseAnswer


class Report(_Frozen):
    """Everything that led to the verdict. policy_digest: of the bytes of policies/quality.yaml, policy: what it said.
    corpus: the corpus version of each tenant that was asked; reports from before it was kept have none.
    seal: digest of all the rest, so that a slip of the hand is noticed before the hash in the approval is compared.
    """

    format: int = 1
    created_at: datetime
    candidate: RunScores
    baseline: RunScores | None
    policy: QualityPolicy
    policy_digest: str
    seed: int
    judgement: GateResult
    worsened: tuple[WorsenedCase, ...] = ()
    notes: tuple[str, ...] = ()
    corpus: Mapping[str, int] = {}
    seal: str = ""

    @classmethod
    def make(
        cls,
        candidate: RunScores,
        baseline: RunScores | None,
        policy: QualityPolicy,
        policy_digest: str,
        seed: int,
        created_at: datetime,
        worsened: Sequence[WorsenedCase] = (),
        judgement: GateResult | None = None,
        notes: Sequence[str] = (),
        corpus: Mapping[str, int] | None = None,
    ) -> Self:
        """Judges the runs, unless it is told what `judge` said of them with this seed."""
        report = cls(
            created_at=created_at,
            candidate=candidate,
            baseline=baseline,
            policy=policy,
            policy_digest=policy_digest,
            seed=seed,
            judgement=judgement or judge(candidate, baseline, policy, seed),
            worsened=tuple(worsened),
            notes=tuple(notes),
            corpus=corpus or {},
        )
        return report.model_copy(update={"seal": report._sealed()})

    @classmethod
    def read(cls, content: bytes, digest: str | None = None) -> Self:
        """Takes back what `canonical` wrote; `digest`: what an approval says it must be.

        Errors: ReportUnusable when a row is missing, doubled or altered, or the verdict does not follow from the rows.
        """
        if digest is not None and digest_of(content) != digest:
            raise ReportUnusable(f"The report is not the one with digest {digest[:12]}.")
        try:
            report = cls.model_validate(json.loads(content))
        except (ValueError, ValidationError) as wrong:
            raise ReportUnusable("The file does not hold an evaluation report.") from wrong
        if report.canonical != content:
            raise ReportUnusable("The report was rewritten after it was made.")
        if report.seal != report._sealed():
            raise ReportUnusable("The report was altered after it was made: its seal is broken.")
        _follows(report)
        return report

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict

    @property
    def canonical(self) -> bytes:
        return canonical_json(self._dumped(set()))

    @property
    def digest(self) -> str:
        return digest_of(self.canonical)

    def _sealed(self) -> str:
        return digest_of(canonical_json(self._dumped({"seal"})))

    def _dumped(self, without: set[str]) -> dict[str, Any]:
        """A report without a corpus reads as it was written when none was kept: its digest must not change."""
        return self.model_dump(mode="json", exclude=without if self.corpus else without | {"corpus"})


def withhold(report: Report, case_ids: Collection[str]) -> Report:
    """The same without the texts of these cases. It is not what an approval is bound to; its broken seal shows it."""
    if not case_ids:
        return report
    closed = ReleaseAnswer(text=WITHHELD)

    def shown(case: WorsenedCase) -> WorsenedCase:
        if case.case_id not in case_ids:
            return case
        return WorsenedCase(case_id=case.case_id, question=WITHHELD, before=case.before and closed, after=closed)

    note = f"{len(case_ids)} of the cases that got worse are withheld: you may not read what they came out of."
    return report.model_copy(update={"worsened": tuple(map(shown, report.worsened)), "notes": (*report.notes, note)})


def _follows(report: Report) -> None:
    """Another machine may reckon the last digit of a number otherwise; what is counted and decided is the same."""
    told = report.judgement
    again = judge(report.candidate, report.baseline, report.policy, report.seed)
    for words, stored, found in (
        ("faults", told.faults, again.faults),
        ("protected cases", told.fallen, again.fallen),
        ("worsened cases", [each[:2] for each in told.worse], [each[:2] for each in again.worse]),
        ("findings", [_counted(each) for each in told.findings], [_counted(each) for each in again.findings]),
    ):
        if stored != found:
            raise ReportUnusable(f"The {words} of the report do not follow from its rows.")
    if not all(_same(one, other) for one, other in zip(told.findings, again.findings, strict=True)):
        raise ReportUnusable("The findings of the report do not follow from its rows.")
    if told.verdict != again.verdict:
        raise ReportUnusable(f"The verdict {told.verdict} does not follow from the findings.")


def _counted(finding: MetricFinding) -> tuple[object, ...]:
    return tuple(
        getattr(finding, name)
        for name in ("metric", "slice", "cases", "clusters", "floor", "blocking", "verdict", "more_cases")
    )


def _same(one: MetricFinding, other: MetricFinding) -> bool:
    return all(
        _close(getattr(one, name), getattr(other, name))
        for name in ("baseline", "candidate", "difference", "low", "high", "p", "tolerance")
    )


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def worst(report: Report, count: int) -> tuple[tuple[WorsenedCase, Mapping[str, tuple[float, float]]], ...]:
    """The first `count` of the cases that got worse, each with its metrics before and after; protected ones first."""
    by_case: dict[str, dict[str, tuple[float, float]]] = {}
    for case_id, metric, before, after in report.judgement.worse:
        by_case.setdefault(case_id, {})[metric] = (before, after)
    order = {case_id: place for place, case_id in enumerate(dict.fromkeys((*report.judgement.fallen, *by_case)))}
    known = sorted(report.worsened, key=lambda each: order.get(each.case_id, len(order)))
    return tuple((each, by_case.get(each.case_id, {})) for each in known[:count])
