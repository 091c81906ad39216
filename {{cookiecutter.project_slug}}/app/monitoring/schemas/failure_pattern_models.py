from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.base_models import ExactModel
from app.core.reasons import Reason
from app.monitoring.domain.failures.case_candidate import VisibleCandidate
from app.monitoring.domain.failures.signature import Responsible
from app.monitoring.domain.failures.stored_pattern import VisiblePattern


class PatternExampleResponse(BaseModel):
    answer_id: UUID
    at: datetime
    question: str
    release_id: str


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
            examples=[PatternExampleResponse(**asdict(each)) for each in visible.examples],
        )


class FailurePatternPageResponse(BaseModel):
    items: list[FailurePatternResponse]
    next: UUID | None = Field(description="`after` for the next page; null on the last page.")


class FailureCasesRequest(ExactModel):
    count: Annotated[int, Field(ge=1, le=20, description="The most questions, the most typical first.")] = 3
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
