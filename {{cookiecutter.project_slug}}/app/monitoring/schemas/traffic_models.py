from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.base_models import ExactModel, ResponseModel
from app.core.json_types import Integer
from app.core.reasons import Reason
from app.monitoring.domain.drift.report import DriftReport
from app.monitoring.domain.drift.signals import SignalName, StoredCheck
from app.monitoring.domain.failures.case_candidate import VisibleCandidate
from app.monitoring.domain.failures.signature import Responsible
from app.monitoring.domain.failures.stored_pattern import VisiblePattern
from app.monitoring.domain.online_scores import ScoreName, Stratum


class PatternExampleResponse(ResponseModel):
    answer_id: UUID
    at: datetime
    question: str
    release_id: str


class DriftSignalResponse(BaseModel):
    signal: SignalName
    checked_at: datetime
    drifted: bool = Field(description="Significant, and large enough to matter by policies/monitoring.yaml.")
    effect: float = Field(description="The change of a share, the PSI of a distribution, or a squared discrepancy.")
    p: float = Field(description="The chance of such a difference without drift.")
    alpha: float = Field(description="Of this look: below it p is significant.")
    reference: int = Field(description="Answers of the reference.")
    window: int = Field(description="The newest answers, which were compared with them.")
    examples: list[PatternExampleResponse] = Field(description="Answers that show the change and that you may read.")

    @classmethod
    def of(cls, stored: StoredCheck, report: DriftReport) -> "DriftSignalResponse":
        shown = [report.examples[answer] for answer in stored.examples if answer in report.examples]
        return cls(
            **asdict(stored.check),
            checked_at=stored.at,
            drifted=stored.drifted,
            examples=[PatternExampleResponse.model_validate(each) for each in shown],
        )


class DriftReferenceResponse(ResponseModel):
    pinned_at: datetime
    since: datetime
    until: datetime
    release_id: str | None = Field(description="The release that was live, if it is the reference of answers only.")


class DriftResponse(BaseModel):
    """The newest look at each signal."""

    reference: DriftReferenceResponse | None = Field(
        description="Of the signals about questions; null before there is a healthy week."
    )
    answers_reference: DriftReferenceResponse | None = Field(
        description="Of the other signals: the first healthy week of the live release, once it is over."
    )
    signals: list[DriftSignalResponse]

    @classmethod
    def of(cls, report: DriftReport) -> "DriftResponse":
        pinned = report.references
        questions = DriftReferenceResponse.model_validate(pinned.questions) if pinned else None
        answers = DriftReferenceResponse.model_validate(pinned.answers) if pinned else None
        return cls(
            reference=questions,
            answers_reference=answers,
            signals=[DriftSignalResponse.of(each, report) for each in report.checks],
        )


class FailurePatternResponse(BaseModel):
    """Failures of one kind. Terms and examples come from the answers that the caller may read now."""

    id: UUID
    found_at: datetime
    rank: int = Field(description="1 is the worst.")
    terms: list[str] = Field(description="What its questions have in common and others have not.")
    reason: str = Field(description="A problem, or the reason of a refusal or of a degradation; unhelpful; rejected.")
    rule: str = Field(description="Of the review, or of what screening or the output filter found; may be empty.")
    step: str
    responsible: Responsible = Field(description="What it goes to.")
    degraded: bool
    language: str = Field(description="Of the questions, by ISO 639-1; und where it is not recognised.")
    mixed: bool = Field(description="Whether it holds the questions that resemble no others of their reason.")
    failures: int
    before: int = Field(description="Failures like these in the window before.")
    growth: float = Field(description="The ratio of their shares of all answers, now to before.")
    harm: float
    examples: list[PatternExampleResponse]

    @classmethod
    def of(cls, visible: VisiblePattern) -> "FailurePatternResponse":
        stored, pattern = visible.stored, visible.stored.pattern
        return cls(
            id=stored.id,
            found_at=stored.found_at,
            rank=stored.rank,
            terms=list(visible.terms),
            **asdict(pattern.signature),
            responsible=pattern.responsible,
            mixed=pattern.mixed,
            failures=pattern.failures,
            before=pattern.before,
            growth=round(pattern.growth, 3),
            harm=pattern.harm,
            examples=[PatternExampleResponse.model_validate(each) for each in visible.examples],
        )


class FailurePatternPageResponse(BaseModel):
    looked_at: datetime | None = Field(description="When the worker looked for them; null before it ever did.")
    items: list[FailurePatternResponse]
    next: UUID | None = Field(description="`after` for the next page; null on the last page.")


class FailureCasesRequest(ExactModel):
    count: Annotated[Integer, Field(ge=1, le=20, description="The most questions, the most typical first.")] = 3
    reason: Reason


class FailureCandidateResponse(BaseModel):
    """A failed question that becomes a case of the golden suite once somebody says what would have been right."""

    answer_id: UUID
    case_id: str
    question: str
    reason: str
    note: str
    proposed_by: str
    proposed_at: datetime

    @classmethod
    def of(cls, visible: VisibleCandidate) -> "FailureCandidateResponse":
        each = visible.candidate
        return cls(**asdict(each), case_id=each.case_id, question=visible.question)


class FailureCandidatePageResponse(BaseModel):
    items: list[FailureCandidateResponse]
    next: UUID | None = Field(None, description="`after` for the next page; null on the last page.")


class DailyScoreResponse(ResponseModel):
    """The mean of one score on one day, with its 95 % interval. Strata are sampled at rates of their own."""

    day: date
    stratum: Stratum
    metric: ScoreName
    answers: int
    mean: float
    low: float
    high: float
