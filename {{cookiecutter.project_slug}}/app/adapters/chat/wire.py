"""The OpenAI chat format, parsed defensively: as real servers send it, and as broken ones do."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from app.adapters.chat.calls import MAX_CALLS, calls_in
from app.adapters.chat.characters import joined
from app.adapters.chat.endings import finish_of
from app.adapters.chat.errors import raise_error
from app.adapters.chat.events import BOM
from app.adapters.chat.fields import FieldRules
from app.adapters.chat.reasoning import ReasoningFilter
from app.adapters.chat.usage import usage_in, with_reasoning
from app.core.text import clean
from app.costs.domain import Usage
from app.llm.domain.errors import InvalidResponse, ModelFailure, OutputFiltered
from app.llm.domain.messages import (
    DEFAULT_SAMPLING,
    ChatRequest,
    Completion,
    CompletionEnd,
    Finish,
    Message,
    Sampling,
    ToolCall,
    confidence_of,
    estimate_usage,
)

Json = dict[str, Any]

MAX_NAME_CHARACTERS = 200
_MODEL = re.compile(r"[\w.:/@+-]{1,100}")

_TEXT_PARTS = {None, "text", "output_text"}
_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "reasoning_details", "thinking_blocks")
"""Fields for reasoning; several may contain the same text."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Differences of a model from the format. fields: of its requests; starts_with_reasoning: whether its replies begin
    within reasoning.
    """

    fields: FieldRules = field(default_factory=FieldRules)
    starts_with_reasoning: bool = False


def body_of(request: ChatRequest, model: str, stream: bool) -> Json:
    """The fields of a request, as the format names them; the rules of its model may change them."""
    messages = [_message(message) for message in request.messages]
    body: Json = {"model": model, "messages": messages, "max_tokens": request.max_tokens}
    if request.tools:
        functions = ({"name": t.name, "description": t.description, "parameters": t.parameters} for t in request.tools)
        body["tools"] = [{"type": "function", "function": tool} for tool in functions]
        body["tool_choice"] = _tool_choice(request)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.logprobs:
        body["logprobs"] = True
    if request.sampling is not DEFAULT_SAMPLING:
        body |= _sampling(request.sampling)
    if request.response_format is not None:
        body["response_format"] = request.response_format
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def _tool_choice(request: ChatRequest) -> str | Json:
    if not request.allow_tool_calls:
        return "none"
    if request.tool_choice in (None, "required"):
        return request.tool_choice or "auto"
    return {"type": "function", "function": {"name": request.tool_choice}}


def _sampling(sampling: Sampling) -> Json:
    """The fields that were set; `stop` as a list."""
    return {name: value for name, value in asdict(sampling).items() if value not in (None, ())}


def _message(message: Message) -> Json:
    plain: Json = {"role": message.role, "content": message.content}
    if message.calls:
        functions = [(call.id, {"name": call.name, "arguments": call.arguments}) for call in message.calls]
        plain["tool_calls"] = [{"id": name, "type": "function", "function": each} for name, each in functions]
        plain["content"] = message.content or None
    if message.call_id is not None:
        plain["tool_call_id"] = message.call_id
    return plain


def parse_object(raw: bytes) -> Json:
    """The object in these bytes. Errors: InvalidResponse."""
    body = _parse(raw.removeprefix(BOM))
    # Gemini puts errors into a list.
    if isinstance(body, list) and len(body) == 1 and isinstance(body[0], dict) and "error" in body[0]:
        body = body[0]
    if not isinstance(body, dict):
        raise InvalidResponse("the reply is not a JSON object")
    return body


def _parse(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as strict:
        # NaN, half of a character, bytes that are not UTF-8, or control characters that are not escaped.
        try:
            return json.loads(raw.decode(errors="replace"), strict=False)
        except (ValueError, RecursionError):
            raise InvalidResponse("the reply is not JSON") from strict


def parse_completion(body: Json, request: ChatRequest, dialect: Dialect, wait: float | None = None) -> Completion:
    """The completion of a reply. wait: Retry-After of the headers, in seconds. Errors: ModelFailure, with its usage."""
    try:
        return _completion(body, request, dialect, wait)
    except ModelFailure as failure:
        failure.usage = _usage_in(body, dialect)
        raise


def _usage_in(body: Json, dialect: Dialect) -> Usage | None:
    """As `usage_in`, with the reasoning in the message, which its provider may not have counted."""
    usage = usage_in(body)
    choice = _first_choice(body) if isinstance(body.get("choices"), list) else None
    message = None if choice is None else _message_in(choice)
    if usage is None or message is None:
        return usage
    content = _content(message)
    _, reasoning = _without_reasoning(content, dialect)
    return with_reasoning(usage, content.reasoning + reasoning.characters)


def _without_reasoning(content: "_Content", dialect: Dialect) -> tuple[str, ReasoningFilter]:
    """The text for the reader, and the filter that has counted the reasoning in it."""
    reasoning = ReasoningFilter(dialect.starts_with_reasoning)
    return reasoning.feed(clean(joined(content.text))) + reasoning.end(), reasoning


def _completion(body: Json, request: ChatRequest, dialect: Dialect, wait: float | None) -> Completion:
    raise_error(body, wait)
    choice = _first_choice(body)
    message = None if choice is None else _message_in(choice)
    if choice is None or message is None:
        raise InvalidResponse("the reply has no choices")
    content, finish = _content(message), _finish_of(choice)
    calls = calls_of(calls_in(message), request)
    text, reasoning = _without_reasoning(content, dialect)
    if content.refused or finish == "content_filter":
        raise OutputFiltered(filtered_by(content.refused))
    if not text.strip() and not calls:
        raise InvalidResponse(empty_reply_reason(finish, content.reasoning or reasoning.found))
    accepted = text[: request.max_characters]
    usage, thought = usage_in(body), content.reasoning + reasoning.characters
    usage = with_reasoning(usage, thought) if usage and usage.output else None
    written = accepted + "".join(call.name + call.arguments for call in calls)
    # With reasoning in the text, the logprobs are not those of the answer.
    confidence = confidence_of(logprobs_of(choice)) if request.logprobs and not reasoning.found else None
    counted = usage or estimate_usage(request, written, thought)
    cut: Finish = "cut" if len(accepted) < len(text) else finish
    ending = CompletionEnd(cut, counted, usage is None, confidence, model_of(body))
    return Completion(accepted, ending, calls)


def filtered_by(refused: bool) -> str:
    """Who refused: the model itself, or a filter of its provider."""
    return "the model refused" if refused else "the provider filtered the reply"


def empty_reply_reason(finish: Finish | None, reasoned: object) -> str:
    """Why a reply contains no answer."""
    limit = " within the token limit" if finish in ("length", "cut") else ""
    return f"the model reasoned and did not answer{limit}" if reasoned else f"the reply is empty{limit}"


def logprobs_of(choice: Json) -> list[float] | None:
    """The logprob of each token; None where any is missing."""
    tokens = _inside(choice, "logprobs", "content")
    if not isinstance(tokens, list) or not tokens:
        return None
    values = [token.get("logprob") if isinstance(token, dict) else None for token in tokens]
    numbers = [float(each) for each in values if isinstance(each, float | int) and not isinstance(each, bool)]
    return [min(each, 0.0) for each in numbers] if len(numbers) == len(values) else None


def calls_of(calls: object, request: ChatRequest) -> tuple[ToolCall, ...]:
    """The tool calls of a message, if tools were offered. Some servers send arguments as an object, or no id."""
    if not request.tools or not request.allow_tool_calls or not isinstance(calls, list):
        return ()
    if len(calls) > MAX_CALLS:
        raise InvalidResponse(f"the reply calls more than {MAX_CALLS} tools")
    return tuple(_call(each, place, request) for place, each in enumerate(calls))


def _call(call: object, place: int, request: ChatRequest) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise InvalidResponse("the reply calls a tool without a name")
    arguments, own = function.get("arguments"), call.get("id")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {}, ensure_ascii=False, separators=(",", ":"))
    arguments = _once(arguments)
    if len(arguments) > request.max_characters or len(function["name"]) > MAX_NAME_CHARACTERS:
        raise InvalidResponse("the reply calls a tool with too long arguments")
    name = own if isinstance(own, str) and 0 < len(own) <= MAX_NAME_CHARACTERS else f"call_{place}"
    return ToolCall(clean(name), clean(function["name"]), clean(arguments))


def _once(arguments: str) -> str:
    """The object in arguments that were encoded twice."""
    if arguments.lstrip().startswith('"'):
        try:
            inner = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            return arguments
        return inner if inner.lstrip().startswith("{") else arguments
    return arguments


@dataclass(frozen=True, slots=True)
class StreamChunk:
    """One chunk of a stream; any part may be absent. reasoning: its characters, besides the text. whole: the text
    is in `message`, as in a full reply. calls: pieces of tool calls, unchecked. failure: the finish reason means an
    error; the usage may still follow.
    """

    text: str = ""
    reasoning: int = 0
    refused: bool = False
    finish: Finish | None = None
    usage: Usage | None = None
    logprobs: list[float] | None = None
    whole: bool = False
    model: str | None = None
    calls: object = None
    failure: ModelFailure | None = None


def parse_chunk(body: Json, wait: float | None = None) -> StreamChunk:
    """One chunk of a stream. wait: Retry-After of the headers in seconds, for an error. Errors: ModelFailure."""
    raise_error(body, wait)
    usage = usage_in(body)
    choice = _first_choice(body, streamed=True)
    if choice is None:
        return StreamChunk(usage=usage, model=model_of(body))
    # Azure's filter reports in chunks without a delta; some servers repeat the full reply at the end.
    delta, message = _dict(choice.get("delta")), _message_in(choice) or {}
    content = _content(delta or message)
    finish, failure = _finish(choice)
    logprobs, model = logprobs_of(choice), model_of(body)
    return StreamChunk(
        content.text,
        content.reasoning,
        content.refused,
        finish,
        usage,
        logprobs,
        whole=not delta,
        model=model,
        calls=calls_in(delta or message),
        failure=failure,
    )


def _finish_of(choice: Json) -> Finish:
    """Errors: ModelFailure, for a reason that means an error."""
    return "content_filter" if _is_filtered(choice) else finish_of(choice.get("finish_reason"))


def _is_filtered(choice: Json) -> bool:
    """Whether a result of Azure's filter says that the text was filtered; the finish reason may still be a stop."""
    results = _dict(choice.get("content_filter_results"))
    return any(_dict(result).get("filtered") is True for result in results.values())


def _finish(choice: Json) -> tuple[Finish | None, ModelFailure | None]:
    if choice.get("finish_reason") is None and not _is_filtered(choice):
        return None, None
    try:
        return _finish_of(choice), None
    except ModelFailure as failure:
        return None, failure


def _message_in(choice: Json) -> Json | None:
    """The message of a choice; its text where a server replies as for a plain completion."""
    message, text = choice.get("message"), choice.get("text")
    if isinstance(message, dict):
        return message
    return {"content": text} if isinstance(text, str) else None


@dataclass(frozen=True, slots=True)
class _Content:
    text: str
    reasoning: int
    refused: bool


def _content(message: Json) -> _Content:
    """The text of a message or delta, and the number of characters of its reasoning."""
    text, refused = text_of(message.get("content")), bool(message.get("refusal"))
    parts = _parts(message.get("content"))
    refused |= any(part.get("type") == "refusal" for part in parts)
    apart = [_length(message.get(name)) for name in _REASONING]
    apart.append(sum(_length(part) for part in parts if _is_reasoning(part)))
    if message.get("thought") is True or _inside(_dict(message.get("extra_content")), "google", "thought") is True:
        return _Content("", max(*apart, len(text)), refused)
    return _Content(text, max(apart), refused)


def text_of(content: object) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list | dict):
        return "".join(_texts(content))
    raise InvalidResponse("the content is not text")


def _texts(content: list[Any] | Json) -> Iterator[str]:
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict) and part.get("type") in _TEXT_PARTS and not _is_reasoning(part):
            yield text if isinstance(text := part.get("text"), str) else ""


def _parts(content: object) -> list[Json]:
    parts = content if isinstance(content, list) else [content]
    return [part for part in parts if isinstance(part, dict)]


def _is_reasoning(part: Json) -> bool:
    return part.get("thought") is True or part.get("type") not in (*_TEXT_PARTS, "refusal")


def _length(value: object, depth: int = 4) -> int:
    """Characters of text in a field whose shape differs from provider to provider."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list) and depth:
        return sum(_length(each, depth - 1) for each in value)
    if isinstance(value, dict) and depth:
        return max(
            (_length(value.get(name), depth - 1) for name in ("text", "thinking", "summary", "content")), default=0
        )
    return 0


def model_of(body: Json) -> str | None:
    """The model that replied, as its provider names it; None for what is no name."""
    model = body.get("model")
    return model if isinstance(model, str) and _MODEL.fullmatch(model) else None


def _first_choice(body: Json, *, streamed: bool = False) -> Json | None:
    choices = body.get("choices")
    if not isinstance(choices, list):
        if streamed and choices is None:
            return None
        raise InvalidResponse("the reply has no choices")
    ours = [each for each in choices if isinstance(each, dict)]
    first = next((each for each in ours if each.get("index") in (0, None, "0")), None)
    return first or (ours[0] if ours and not streamed else None)


def _inside(body: Json, outer: str, inner: str) -> object:
    return _dict(body.get(outer)).get(inner)


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}
