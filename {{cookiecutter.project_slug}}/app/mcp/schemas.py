"""Arguments and results of the tools. Their descriptions are what a client's model reads, so they are short."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.actions.domain import ActionState, RiskClass
from app.core.base_models import ExactModel

QuestionText = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S")]


class SearchToolRequest(ExactModel):
    query: QuestionText
    limit: int = Field(5, ge=1, le=20, description="Most passages of one page.")
    cursor: str | None = Field(None, min_length=1, max_length=200, description="next_cursor of the page before.")


class AnswerToolRequest(ExactModel):
    question: QuestionText
    passages: int = Field(8, ge=1, le=20, description="Most passages to read.")
    max_tokens: int = Field(512, ge=1, le=1024)
    idempotency_key: str | None = Field(
        None, min_length=1, max_length=255, description="The same key gives the same answer, at no further cost."
    )


class ReadDocumentToolRequest(ExactModel):
    document_id: UUID
    version: int | None = Field(None, ge=1, le=2**31 - 1, description="Of a citation; by default the newest.")
    start: int = Field(0, ge=0, le=2**31 - 1, description="Character to begin at: next_start of the page before.")


class ToolPassageResponse(BaseModel):
    document_id: UUID
    version: int
    title: str
    headings: list[str]
    uri: str
    start: int
    end: int
    score: float
    text: str
    flags: list[str]


class SearchToolResponse(BaseModel):
    notice: str
    passages: list[ToolPassageResponse]
    next_cursor: str | None
    degraded: str | None


class ToolCitationResponse(BaseModel):
    marker: int = Field(description="[1] in the text")
    document_id: UUID
    version: int
    title: str
    uri: str
    start: int
    end: int
    quote: str


class AnswerToolResponse(BaseModel):
    answer_id: UUID
    status: Literal["answered", "refused", "held"]
    text: str | None
    citations: list[ToolCitationResponse]
    degraded: bool
    reasons: list[str]
    warnings: list[str]
    where: str
    due_at: str | None


class ReadDocumentToolResponse(BaseModel):
    notice: str
    document_id: UUID
    version: int
    title: str
    uri: str
    start: int
    end: int
    length: int
    next_start: int | None
    text: str
    flags: list[str]


class ActionToolResponse(BaseModel):
    action_id: UUID
    action: str
    risk: RiskClass
    state: ActionState
    where: str
    due_at: str | None
    result: Any = None
