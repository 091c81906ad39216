from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.actions.domain import ReviewTiming
from app.core.base_models import ExactModel, ResponseModel
from app.core.json_types import Boolean, Integer, Number
from app.core.text import LARGEST
from app.inference.domain.human_review import ReviewDecision
from app.webhooks.domain import MAX_URL_CHARACTERS

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
ActionName = Annotated[str, Field(min_length=1, max_length=100)]


class AnswerRequest(ExactModel):
    question: Text
    model: str | None = Field(None, max_length=200, description="One of GET /v1/models; otherwise the whole chain.")
    sentences: Integer = Field(3, ge=1, le=10, description="Most sentences that the extractive answerer quotes.")
    passages: Integer = Field(8, ge=1, le=20, description="Most passages that are retrieved.")
    max_tokens: Integer = Field(512, ge=1, le=8192, description="Most tokens a model may write.")
    temperature: Number | None = Field(0.0, ge=0, le=2)
    stream: Boolean = Field(False, description="Server-sent events; the same as Accept: text/event-stream.")
    actions: list[ActionName] = Field(
        [], max_length=50, description="Actions that the model may propose, of GET /v1/actions/catalogue."
    )
    conversation: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Your id of a conversation. Its turns are the context of this question, which becomes the next "
        "turn; it stays on one release.",
    )
    webhook: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="An address that is notified when a held answer is decided or expires.",
    )


class CitationResponse(BaseModel):
    """`quote` is document text [start:end], offsets in characters, unchanged and with its markup. Show it, the title,
    the headings and the uri as plain text; only `text` of an answer is safe to render. GET
    /v1/documents/{document_id}/text with `version`, `start` and `end` shows its place; so does /console/document, with
    `document_id` as `id`.
    """

    marker: int
    chunk_id: UUID
    document_id: UUID
    title: str
    source: str
    uri: str
    headings: list[str]
    quote: str
    start: int
    end: int
    version: int


class AnswerFindingResponse(BaseModel):
    rule: str
    detail: str
    count: int
    start: int | None
    end: int | None = None


class UsageResponse(BaseModel):
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = Field(0, description="Of the input tokens.")
    reasoning_tokens: int = Field(0, description="Of the output tokens.")
    estimated: bool


class AnswerActionResponse(BaseModel):
    """An action that the model proposed, in its state when the answer was given."""

    id: UUID
    action: str
    risk: Literal["read", "reversible", "irreversible"]
    arguments: dict[str, Any]
    state: Literal["waiting", "approved", "done"] = Field(description="approved: it runs as soon as it can.")
    where: str = Field(description="The address of its current state.")


class ToolCallResponse(BaseModel):
    """A call of a tool of the client's own, which the client runs. arguments: JSON that matches the tool's schema."""

    id: str
    name: str
    arguments: str


class WarningResponse(BaseModel):
    """A field of the request that had no effect."""

    name: str
    message: str


class AnswerResponse(BaseModel):
    id: UUID
    created_at: datetime
    status: Literal["answered", "refused"]
    text: str = Field(
        description="Safe to render: spaces in the markup of quoted documents keep it from loading or linking anything."
    )
    model: str
    degraded: bool
    reasons: list[str]
    refusal: str | None
    release_id: str
    corpus_version: int
    citations: list[CitationResponse]
    findings: list[AnswerFindingResponse]
    usage: UsageResponse
    cost_micro_usd: int
    timings_ms: dict[str, float]
    trace_id: str
    groundedness: float | None = Field(description="The share of the sentences that the evidence supports.")
    confidence: float | None = Field(
        None, description="The model's confidence, 0 to 1; requested only where a review rule needs it."
    )
    environment: str = Field(description="production, or staging where the request named it.")
    actions: list[AnswerActionResponse] = []
    finish_reason: Literal["stop", "length", "content_filter", "tool_calls"] = Field(
        "stop",
        description="length: the model was cut off at max_tokens. content_filter: its provider refused. "
        "tool_calls: the client is to run its tools.",
    )
    tool_calls: list[ToolCallResponse] = []
    warnings: list[WarningResponse] = Field([], description="Fields of the request that had no effect.")
    searched_for: str | None = Field(
        None, description="The self-contained question that was searched for; null where that is the question as asked."
    )


class HeldAnswerResponse(BaseModel):
    """An answer that is held until a person has decided."""

    id: UUID
    created_at: datetime
    status: Literal["held"]
    where: str = Field(description="The address to poll for the decision.")
    due_at: datetime = Field(description="A held answer without a decision by then is rejected.")
    release_id: str
    trace_id: str
    environment: str
    warnings: list[WarningResponse] = Field(
        [], description="Fields of the request that had no effect; left out if none."
    )


class PendingAnswerResponse(HeldAnswerResponse):
    status: Literal["held", "rejected"]  # type: ignore[assignment]
    question: str
    decided_at: datetime | None = None


class AnswerReviewResponse(BaseModel):
    """The review of this answer, before or after its delivery."""

    outcome: ReviewDecision
    timing: ReviewTiming
    edited: bool = Field(description="before: the answer is the reviewer's. after: `text` is what it would have been.")
    text: str | None = Field(None, description="The reviewer's text for an answer that had been delivered.")
    reason: str | None = Field(None, description="Why; shown to those who may read reviews.")
    decided_at: datetime
    sha256: str = Field(description="Of the answer's bytes as the reviewer read or edited them.")


class ArchivedAnswerResponse(AnswerResponse):
    question: str
    review: AnswerReviewResponse | None = None


class DifferenceResponse(ResponseModel):
    what: str
    before: str
    after: str


class ReplayResponse(ResponseModel):
    """A past answer and its replay on the same release and corpus version."""

    answer_id: UUID
    release_id: str
    corpus_version: int
    faithful: bool = Field(description="Whether the evidence is identical, and the text too where no model wrote it.")
    same_evidence: bool
    same_text: bool
    repeatable: bool = Field(description="The answer was quoted from the evidence: its text must be the same.")
    missing: int = Field(description="Passages that were deleted or closed since.")
    before: str
    after: str
    differences: list[DifferenceResponse]


class FeedbackRequest(ExactModel):
    helpful: Boolean
    comment: str = Field("", max_length=4000)


StopText = Annotated[str, Field(max_length=200)]


Citations = Literal["marks", "list"] | None
CITATIONS = "list: the sources stand at the end of the text too. As the header X-Citations."
TEXT_PARTS = (None, "text", "input_text", "output_text")


class ChatMessageRequest(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = Field(None, max_length=32)
    tool_call_id: str | None = Field(None, max_length=200)

    @property
    def has_other_parts(self) -> bool:
        """Whether it has more than text."""
        return isinstance(self.content, list) and any(part.get("type") not in TEXT_PARTS for part in self.content)

    @property
    def is_instruction(self) -> bool:
        return self.role in ("system", "developer")

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(str(part.get("text") or "") for part in self.content if part.get("type") in TEXT_PARTS)
        return self.content or ""


class ChatFunctionRequest(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: ActionName
    description: str | None = None
    parameters: dict[str, Any] | None = Field(None, description="The JSON schema of the arguments.")


class ChatToolRequest(BaseModel):
    """An action of this service by its name, with this service's own description and parameters; or a tool of the
    client, which the client runs.
    """

    model_config = ConfigDict(extra="allow")

    type: Literal["function"] = "function"
    function: ChatFunctionRequest


class StreamOptionsRequest(BaseModel):
    model_config = ConfigDict(extra="allow")

    include_usage: Boolean = False


class ChatCompletionRequest(BaseModel):
    """A request of an OpenAI client. The last message of the user is the question, those before it are its context;
    fields not named here have no effect and are listed in the answer's `warnings`.
    """

    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(min_length=1, max_length=200)]
    messages: Annotated[list[ChatMessageRequest], Field(min_length=1, max_length=1000)]
    stream: Boolean | None = False
    stream_options: StreamOptionsRequest | None = None
    temperature: Number | None = Field(None, ge=0, le=2)
    max_tokens: Integer | None = Field(None, ge=1, le=LARGEST, description="More than is allowed is capped.")
    max_completion_tokens: Integer | None = Field(None, ge=1, le=LARGEST, description="Counts in place of max_tokens.")
    n: Integer | None = Field(None, ge=1, le=LARGEST, description="There is one answer to each request.")
    stop: StopText | Annotated[list[StopText], Field(max_length=16)] | None = Field(
        None, description="Texts before which the answer ends."
    )
    seed: Integer | None = Field(None, ge=-LARGEST, le=LARGEST)
    top_p: Number | None = Field(None, ge=0, le=1)
    frequency_penalty: Number | None = Field(None, ge=-2, le=2)
    presence_penalty: Number | None = Field(None, ge=-2, le=2)
    response_format: dict[str, Any] | None = Field(
        None, description="text, json_object, or json_schema with the schema of an object."
    )
    tools: list[ChatToolRequest] | None = Field(
        None, max_length=50, description="Actions, which run here, and tools of the client, which it runs."
    )
    tool_choice: str | dict[str, Any] | None = None
    citations: Citations = Field(None, description=CITATIONS)

    @property
    def wants_usage(self) -> bool:
        return bool(self.stream) and self.stream_options is not None and self.stream_options.include_usage

    @property
    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class ModelResponse(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class ModelListResponse(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelResponse]
