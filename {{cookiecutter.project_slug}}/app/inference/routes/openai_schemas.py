"""What clients of OpenAI get, as models of the OpenAPI document."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.core.openapi import EVENTS
from app.inference.schemas import AnswerResponse, HeldAnswerResponse, PendingAnswerResponse


class ChatMessageResponse(BaseModel):
    """annotations: the sources of its marks that have an address of the web. tool_calls: of the client's own tools."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    annotations: list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None


class ChatChoiceResponse(BaseModel):
    index: int
    message: ChatMessageResponse
    finish_reason: str
    logprobs: None


class ChatUsageResponse(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletionResponse(BaseModel):
    """A completion in the OpenAI format. answer: as POST /v1/answers returns it."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoiceResponse]
    usage: ChatUsageResponse | None = Field(None, description="None for a held answer.")
    answer: AnswerResponse | HeldAnswerResponse


class ResponseUsageResponse(BaseModel):
    input_tokens: int
    input_tokens_details: dict[str, int]
    output_tokens: int
    output_tokens_details: dict[str, int]
    total_tokens: int


class ResponseErrorResponse(BaseModel):
    code: str
    message: str


class ResponseMessageResponse(BaseModel):
    """A message. content: one part of type output_text, whose annotations have the sources of its marks."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: str
    content: list[dict[str, Any]]


class ResponseCallResponse(BaseModel):
    """A call of a tool that the client runs. arguments: as JSON."""

    id: str
    type: Literal["function_call"]
    status: str
    call_id: str
    name: str
    arguments: str


class ResponseObjectResponse(BaseModel):
    """A response in the OpenAI format. answer: as POST /v1/answers returns it."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["completed", "incomplete"]
    model: str
    output: list[ResponseMessageResponse | ResponseCallResponse]
    error: ResponseErrorResponse | None
    incomplete_details: dict[str, str] | None
    usage: ResponseUsageResponse | None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, Any]
    previous_response_id: str | None
    temperature: float | None
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    answer: AnswerResponse | PendingAnswerResponse | HeldAnswerResponse


HELD = "The answer is held for human review."
COMPLETIONS: dict[int | str, dict[str, Any]] = {
    200: {"model": ChatCompletionResponse, "content": EVENTS},
    202: {"model": ChatCompletionResponse, "description": HELD},
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": ResponseObjectResponse, "content": EVENTS},
    202: {"model": ResponseObjectResponse, "description": HELD},
}
RETRIEVED: dict[int | str, dict[str, Any]] = {
    200: {"model": ResponseObjectResponse},
    202: {"model": ResponseObjectResponse, "description": HELD},
}
