from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.cursors import CursorText
from app.core.text import LARGEST
from app.core.times import Moment
from app.inference.domain.answer import AnswerStatus, RefusalReason
from app.inference.domain.answer_pages import AnswerFilters, AnswerPage, Feedback, ListedAnswer

AnswerFilterText = Annotated[str | None, Field(min_length=1, max_length=200)]


class AnswerListRequest(BaseModel):
    """The query of a list of answers. Fields without a value do not filter."""

    since: Moment | None = Field(None, description="As 2026-01-31T09:00:00Z.")
    until: Moment | None = None
    release: AnswerFilterText = Field(None, description="Number, id or its first eight digits or more.")
    environment: AnswerFilterText = None
    arm: AnswerFilterText = None
    status: AnswerStatus | None = None
    reason: RefusalReason | None = Field(None, description="Why it was refused.")
    model: AnswerFilterText = None
    degraded: bool | None = None
    findings: bool | None = Field(None, description="Whether there were findings.")
    feedback: Feedback | None = Field(None, description="The newest of any key.")
    min_cost_micro_usd: int | None = Field(None, ge=0, le=LARGEST)
    max_cost_micro_usd: int | None = Field(None, ge=0, le=LARGEST)
    min_latency_ms: float | None = Field(None, ge=0, le=1e9)
    max_latency_ms: float | None = Field(None, ge=0, le=1e9)
    key_id: UUID | None = None
    trace_id: AnswerFilterText = None
    request_id: AnswerFilterText = None
    tenant: AnswerFilterText = Field(None, description="Name of a tenant; for the role service.")
    after: CursorText | None = None
    limit: int = Field(50, ge=1, le=200)

    @property
    def filters(self) -> AnswerFilters:
        same = {name: getattr(self, name) for name in AnswerFilters.__slots__ if name in type(self).model_fields}
        return AnswerFilters(**{**same, "release_id": self.release})


class ListedAnswerResponse(BaseModel):
    """An answer in a list. question, searched_for, text: null for who may not read all of its documents now."""

    id: UUID
    tenant_id: UUID
    created_at: datetime
    status: Literal["answered", "refused"]
    refusal: str | None = Field(description="Why it was refused.")
    reasons: list[str] = Field(description="Why it was degraded.")
    model: str
    degraded: bool
    findings: int = Field(description="How many findings screening and the output filter had.")
    release_id: str
    environment: str
    arm: str = Field(description="live; while a canary is judged, control or canary.")
    key_id: UUID | None
    cost_micro_usd: int
    latency_ms: float | None
    feedback: Literal["helpful", "unhelpful"] | None = Field(description="The newest; null for none.")
    trace_id: str
    request_id: str | None
    review_id: UUID | None
    review_state: Literal["held", "delivered", "rejected"] | None
    question: str | None
    searched_for: str | None = Field(
        description="Also null where the documents were searched by the question as asked."
    )
    text: str | None = Field(description="Also null while the answer is held, and when it was rejected.")

    @classmethod
    def of(cls, answer: ListedAnswer) -> "ListedAnswerResponse":
        feedback = None if answer.helpful is None else "helpful" if answer.helpful else "unhelpful"
        return cls.model_validate(asdict(answer) | {"feedback": feedback})


class AnswerPageResponse(BaseModel):
    """The newest first. A page may be short, or empty, and still have a next one: for each page a bounded number of
    answers is looked at."""

    items: list[ListedAnswerResponse]
    next: str | None

    @classmethod
    def of(cls, page: AnswerPage) -> "AnswerPageResponse":
        items = [ListedAnswerResponse.of(answer) for answer in page.answers]
        return cls(items=items, next=page.next.text() if page.next else None)
