"""The evaluation report: scores and decision in one file, whose hash an approval is bound to."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from math import isclose
from typing import Any, Self

from pydantic import ConfigDict, ValidationError

from app.core.base_models import ExactModel
from app.core.errors import Invalid
from app.evaluation.domain.gate import GateResult, MetricFinding, Verdict, apply_gate
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.scores import RunScores
from app.releases.domain import canonical_json, digest_of

WITHHELD = "(withheld)"
ERASED = "Erased."


class ReportUnusable(Invalid):
    code, title = "report_unusable", "The evaluation report is not valid or was altered"
    action = "Get the report from GET /v1/evaluations/{run_id}/report.json, or evaluate the release again."


class _Frozen(ExactModel):
    model_config = ConfigDict(allow_inf_nan=False)


class ReleaseAnswer(_Frozen):
    """The answer of one release to a case. citations: the quote of each, with its place."""

    text: str
    citations: tuple[str, ...] = ()
    refused: bool = False


class WorsenedCase(_Frozen):
    """A case that got worse, with both answers; before is None without a baseline."""

    case_id: str
    question: str
    before: ReleaseAnswer | None
    after: ReleaseAnswer


class Report(_Frozen):
    """Everything that the verdict follows from. policy: policies/quality.yaml; policy_digest: of its bytes. corpus: the
    corpus version of each tenant; missing in old reports. seal: digest of all other fields, so that an accidental edit
    is noticed before the hash in the approval is compared.
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
        """judgement: the result of `apply_gate` with this seed; computed when it is not given."""
        report = cls(
            created_at=created_at,
            candidate=candidate,
            baseline=baseline,
            policy=policy,
            policy_digest=policy_digest,
            seed=seed,
            judgement=judgement or apply_gate(candidate, baseline, policy, seed),
            worsened=tuple(worsened),
            notes=tuple(notes),
            corpus=corpus or {},
        )
        return report.model_copy(update={"seal": report._sealed()})

    @classmethod
    def read(cls, content: bytes, digest: str | None = None) -> Self:
        """Parses what `canonical` wrote. digest: the expected digest, from an approval.

        Errors: ReportUnusable when it was altered, or the verdict does not follow from the scores.
        """
        if digest is not None and digest_of(content) != digest:
            raise ReportUnusable(f"The report is not the one with digest {digest[:12]}.")
        try:
            report = cls.model_validate(json.loads(content))
        except (ValueError, ValidationError) as error:
            raise ReportUnusable("The file does not contain an evaluation report.") from error
        if report.canonical != content:
            raise ReportUnusable("The report was rewritten after it was made.")
        if report.seal != report._sealed():
            raise ReportUnusable("The report was altered after it was made: its seal is broken.")
        _check_result(report)
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
        """An old report without a corpus is serialised without the field, so that its digest stays the same."""
        return self.model_dump(mode="json", exclude=without if self.corpus else without | {"corpus"})


def withhold(report: Report, case_ids: Collection[str]) -> Report:
    """The report without the texts of these cases. Its seal no longer matches: no approval is bound to it."""
    if not case_ids:
        return report
    withheld = ReleaseAnswer(text=WITHHELD)

    def redacted(case: WorsenedCase) -> WorsenedCase:
        if case.case_id not in case_ids:
            return case
        return WorsenedCase(case_id=case.case_id, question=WITHHELD, before=case.before and withheld, after=withheld)

    note = f"{len(case_ids)} of the cases that got worse are withheld: you may not read the documents behind them."
    return report.model_copy(update={"worsened": tuple(map(redacted, report.worsened)), "notes": (*report.notes, note)})


def erase_texts(report: Report, case_ids: Collection[str], is_erased: Callable[[str], bool]) -> Report:
    """The report with other words in place of erased texts, under a new seal. Its digest changes; the verdict does not.

    case_ids: the cases of which every text is erased. is_erased: whether a text of another case is.
    """

    def left(case_id: str, text: str) -> str:
        return ERASED if case_id in case_ids or is_erased(text) else text

    def answer(case_id: str, each: ReleaseAnswer) -> ReleaseAnswer:
        quotes = tuple(left(case_id, quote) for quote in each.citations)
        return each.model_copy(update={"text": left(case_id, each.text), "citations": quotes})

    def case(each: WorsenedCase) -> WorsenedCase:
        before = answer(each.case_id, each.before) if each.before else None
        question = left(each.case_id, each.question)
        return WorsenedCase(
            case_id=each.case_id, question=question, before=before, after=answer(each.case_id, each.after)
        )

    changed = report.model_copy(update={"worsened": tuple(map(case, report.worsened))})
    return changed.model_copy(update={"seal": changed._sealed()})


def _check_result(report: Report) -> None:
    """Errors: ReportUnusable unless the gate gives the same result again. Floats may differ in their last digits."""
    stored_result = report.judgement
    again = apply_gate(report.candidate, report.baseline, report.policy, report.seed)
    for part, stored, computed in (
        ("faults", stored_result.faults, again.faults),
        ("protected cases", stored_result.fallen, again.fallen),
        ("worsened cases", [each[:2] for each in stored_result.worse], [each[:2] for each in again.worse]),
        (
            "findings",
            [_exact_fields(each) for each in stored_result.findings],
            [_exact_fields(each) for each in again.findings],
        ),
    ):
        if stored != computed:
            raise ReportUnusable(f"The {part} of the report do not follow from its scores.")
    if not all(_floats_match(one, other) for one, other in zip(stored_result.findings, again.findings, strict=True)):
        raise ReportUnusable("The findings of the report do not follow from its scores.")
    if stored_result.verdict != again.verdict:
        raise ReportUnusable(f"The verdict {stored_result.verdict} does not follow from the findings.")


def _exact_fields(finding: MetricFinding) -> tuple[object, ...]:
    return tuple(
        getattr(finding, name)
        for name in ("metric", "slice", "cases", "clusters", "floor", "blocking", "verdict", "more_cases")
    )


def _floats_match(one: MetricFinding, other: MetricFinding) -> bool:
    return all(
        _close(getattr(one, name), getattr(other, name))
        for name in ("baseline", "candidate", "difference", "low", "high", "p", "tolerance")
    )


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def worst_cases(report: Report, count: int) -> tuple[tuple[WorsenedCase, Mapping[str, tuple[float, float]]], ...]:
    """Up to `count` cases that got worse, each with its metrics before and after; protected ones first."""
    by_case: dict[str, dict[str, tuple[float, float]]] = {}
    for case_id, metric, before, after in report.judgement.worse:
        by_case.setdefault(case_id, {})[metric] = (before, after)
    order = {case_id: place for place, case_id in enumerate(dict.fromkeys((*report.judgement.fallen, *by_case)))}
    cases = sorted(report.worsened, key=lambda each: order.get(each.case_id, len(order)))
    return tuple((each, by_case.get(each.case_id, {})) for each in cases[:count])
