"""The request of the OpenAI Responses API, and the same request in the chat format."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.core.errors import Invalid, Problem
from app.core.json_types import Boolean, Integer, Number
from app.core.text import LARGEST
from app.inference.domain.answer import RequestWarning
from app.inference.schemas import CITATIONS, ActionName, ChatCompletionRequest, Citations

PREFIX = "resp_"
_ID = re.compile(rf"{PREFIX}([0-9a-f]{{32}})")

OutputTokens = Annotated[Integer, Field(ge=1, le=LARGEST)]


class InputNotSupported(Invalid):
    code, title, param = "input_not_supported", "This kind of input cannot be processed", "input"
    action = "Send text only; documents are sent to POST /v1/documents."


class ToolNotSupported(Invalid):
    code, title, param = "tool_not_supported", "This kind of tool is not offered", "tools"
    action = "Send tools of type function; GET /v1/actions/catalogue lists the actions of this service."


class PromptNotSupported(Invalid):
    code, title, param = "prompt_not_supported", "Prompts are not stored for clients", "prompt"
    action = "Send the question in `input`; prompts are part of a release of this service."


class InputPartRequest(BaseModel):
    """A part of a message: text of the caller (`input_text`), or of an earlier response (`output_text`, `refusal`)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(max_length=100)
    text: str | None = None
    refusal: str | None = None


InputContent = str | Annotated[list[InputPartRequest], Field(max_length=1000)]


class InputItemRequest(BaseModel):
    """A message of the conversation, or an item of an earlier response that a client sends back."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("message", max_length=100)
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: InputContent | None = None
    call_id: str | None = Field(None, max_length=200)
    name: str | None = Field(None, max_length=200)
    arguments: str | None = None
    output: InputContent | None = None

    def as_message(self) -> dict[str, Any] | None:
        """The message in the chat format; None for an item that is not read. Errors: InputNotSupported."""
        if self.role:
            return {"role": self.role, "content": _text_in(self.content)}
        if self.type == "function_call":
            function = {"name": self.name, "arguments": self.arguments}
            call = {"id": self.call_id, "type": "function", "function": function}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        if self.type == "function_call_output":
            return {"role": "tool", "tool_call_id": self.call_id, "content": _text_in(self.output)}
        return None


def _text_in(content: "str | list[InputPartRequest] | None") -> str:
    return "".join(map(_text_of, content)) if isinstance(content, list) else content or ""


def _text_of(part: InputPartRequest) -> str:
    if part.type in ("input_text", "output_text", "text"):
        return part.text or ""
    if part.type == "refusal":
        return part.refusal or ""
    raise InputNotSupported(f"A part of type {part.type} is not text.")


class ResponseToolRequest(BaseModel):
    """An action of this service by its name, or with description and parameters a tool of the client."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("function", max_length=100)
    name: ActionName | None = None

    def as_dict(self) -> dict[str, Any]:
        """As a response repeats it."""
        given = _extra(self)
        described = {name: given.get(name) for name in ("description", "parameters", "strict")}
        return {"type": self.type, "name": self.name, **described}


class ResponseTextRequest(BaseModel):
    model_config = ConfigDict(extra="allow")

    format: dict[str, Any] | None = None


class CreateResponseRequest(BaseModel):
    """A request of an OpenAI client. The last message of the user is the question; fields not named here have no effect
    and are listed in the answer's `warnings`.
    """

    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(min_length=1, max_length=200)] = "default"
    input: str | Annotated[list[InputItemRequest], Field(min_length=1, max_length=1000)]
    instructions: str | None = Field(None, description="As a system message before the input.")
    previous_response_id: str | None = Field(
        None, max_length=200, description="A response of the same key, which this one continues."
    )
    stream: Boolean | None = False
    temperature: Number | None = Field(None, ge=0, le=2)
    max_output_tokens: OutputTokens | None = None
    tools: list[ResponseToolRequest] | None = Field(None, max_length=50, description="Actions; they run here.")
    tool_choice: Annotated[str, Field(max_length=200)] | dict[str, Any] | None = None
    text: ResponseTextRequest | None = None
    citations: Citations = Field(None, description=CITATIONS)

    @property
    def only_results(self) -> bool:
        """Whether the input has no question of its own: results of tools, for the question of an earlier response."""
        return isinstance(self.input, list) and all(each.role in (None, *_INSTRUCTING) for each in self.input)

    @property
    def repeats_calls(self) -> bool:
        return isinstance(self.input, list) and any(each.type == "function_call" for each in self.input)

    def as_chat(self, before: Sequence[dict[str, Any]] = ()) -> ChatCompletionRequest:
        """The same request in the chat format. before: the messages that it continues.

        Errors: InputNotSupported, ToolNotSupported, PromptNotSupported, RequestValidationError.
        """
        if _extra(self).get("prompt") is not None:
            raise PromptNotSupported
        body = {
            **{name: value for name, value in _extra(self).items() if name not in _WITHOUT_EFFECT},
            "model": self.model,
            "messages": [*self._instructions(), *before, *self._messages()],
            "stream": bool(self.stream),
            "temperature": self.temperature,
            "max_completion_tokens": self.max_output_tokens,
            "tools": [_chat_tool(tool) for tool in self.tools] if self.tools else None,
            "tool_choice": _chat_tool_choice(self.tool_choice),
            "response_format": self._response_format(),
        }
        try:
            return ChatCompletionRequest.model_validate({name: each for name, each in body.items() if each is not None})
        except ValidationError as error:
            errors = [_renamed(each) for each in error.errors(include_url=False)]
            sent = {_FIELDS.get(name, name): each for name, each in body.items()}
            raise RequestValidationError(errors, body=sent) from None

    @property
    def own_warnings(self) -> tuple[RequestWarning, ...]:
        """Warnings about fields that the chat format does not have."""
        return tuple(self._own_warnings())

    def _own_warnings(self) -> Iterator[RequestWarning]:
        for name, (message, harmless) in _WITHOUT_EFFECT.items():
            value = _extra(self).get(name)
            if value is not None and value not in harmless:
                yield RequestWarning(name, f"`{name}` has no effect. {message}")
        for name in _extra(self.text) if self.text else ():
            yield RequestWarning(f"text.{name}"[:100], f"`{name[:100]}` of `text` has no effect.")
        items = self.input if isinstance(self.input, list) else []
        for kind in sorted({each.type for each in items if each.as_message() is None}):
            yield RequestWarning(f"input.{kind}"[:100], f"Items of type {kind} in `input` are not read.")

    def _instructions(self) -> list[dict[str, str]]:
        return [{"role": "system", "content": self.instructions}] if self.instructions else []

    def _messages(self) -> list[dict[str, Any]]:
        if isinstance(self.input, str):
            return [{"role": "user", "content": self.input}]
        messages = [item.as_message() for item in self.input]
        if messages[-1] is None:
            raise InputNotSupported(f"The last item of the input is of type {self.input[-1].type}, which is not read.")
        return _with_calls_together([message for message in messages if message])

    def _response_format(self) -> dict[str, Any] | None:
        wanted = self.text.format if self.text else None
        if wanted is None or wanted.get("type") != "json_schema":
            return wanted
        return {"type": "json_schema", "json_schema": {name: each for name, each in wanted.items() if name != "type"}}


def answer_id_of(response_id: str) -> UUID | None:
    """None for a text that is not the id of a response."""
    match = _ID.fullmatch(response_id)
    return UUID(match[1]) if match else None


def _with_calls_together(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Calls in a row, which are items of their own in this format, as the calls of one message."""
    joined: list[dict[str, Any]] = []
    for message in messages:
        if joined and "tool_calls" in message and "tool_calls" in joined[-1]:
            message = {**message, "tool_calls": [*joined.pop()["tool_calls"], *message["tool_calls"]]}
        joined.append(message)
    return joined


def _chat_tool(tool: ResponseToolRequest) -> dict[str, Any]:
    if tool.type != "function" or tool.name is None:
        raise ToolNotSupported(f"A tool of type {tool.type}{'' if tool.name else ' without a name'} is not offered.")
    return {"type": "function", "function": {"name": tool.name, **_extra(tool)}}


def _chat_tool_choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "function", "function": {"name": choice.get("name")}}
    return choice


_INSTRUCTING = ("system", "developer")
_FIELDS = {"messages": "input", "max_completion_tokens": "max_output_tokens", "response_format": "text"}
_WITHOUT_EFFECT: dict[str, tuple[str, Sequence[Any]]] = {
    "messages": ("The conversation is in `input`.", ()),
    "response_format": ("The format is in `text.format`.", ()),
    "max_completion_tokens": ("`max_output_tokens` counts in its place.", ()),
    "background": ("The answer is complete when the response arrives.", (False,)),
    "conversation": ("`previous_response_id` continues a conversation.", ()),
    "include": ("The member `answer` has citations, usage and times.", ([],)),
    "max_tool_calls": ("The service limits how many actions a model may propose.", ()),
    "reasoning": ("It is not passed on to the model.", ({},)),
    "truncation": ("Too long an input is refused.", ("disabled",)),
    "service_tier": ("There is one.", ("auto", "default")),
    "safety_identifier": ("The API key identifies the caller.", ()),
    "prompt_cache_key": ("The service decides what it caches.", ()),
    "prompt_cache_retention": ("The service decides what it caches.", ()),
    "stream_options": ("The events of a stream are always the same.", ({}, {"include_obfuscation": False})),
}


def in_words_of_responses(warnings: Sequence[RequestWarning]) -> tuple[RequestWarning, ...]:
    """Warnings about a request in the chat format, with the names of the fields of this format."""
    return tuple(RequestWarning(_FIELDS.get(each.name, each.name), each.message) for each in warnings)


@contextmanager
def in_fields_of_responses() -> Iterator[None]:
    """Problems raised inside name the field of this format."""
    try:
        yield
    except Problem as problem:
        problem.param = problem.param and _FIELDS.get(problem.param, problem.param)
        raise


def _renamed(error: Any) -> Any:
    first, *more = error["loc"] or ("",)
    return {**error, "loc": ("body", _FIELDS.get(first, first), *more), "ctx": {}}


def _extra(model: BaseModel) -> dict[str, Any]:
    return {name: value for name, value in (model.model_extra or {}).items() if value is not None}
