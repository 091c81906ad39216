"""The OpenAI chat format, parsed defensively: as real servers send it, and as broken ones do."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from app.adapters.chat.errors import failure_in, raise_error
from app.adapters.chat.events import BOM
from app.adapters.chat.reasoning import ReasoningFilter
from app.core.text import clean
from app.costs.domain import Usage
from app.llm.domain.errors import InvalidResponse, OutputFiltered
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

MAX_CALLS, MAX_NAME_CHARACTERS = 32, 200
_MODEL = re.compile(r"[\w.:/@+-]{1,100}")

_TOO_LONG = {
    "length",
    "max_tokens",
    "max_output_tokens",
    "max_completion_tokens",
    "max_length",
    "model_length",
    "model_context_window_exceeded",
    "token_limit",
}
_FILTERED = {
    "content_filter",
    "content_filtered",
    "safety",
    "image_safety",
    "recitation",
    "refusal",
    "refused",
    "sensitive",
    "blocklist",
    "prohibited_content",
    "spii",
    "guardrail_intervened",
    "moderation",
    "blocked",
    "jailbreak",
}
_FAILED = {"error", "network_error", "insufficient_system_resource", "abort", "aborted", "cancelled", "timeout"}
_TEXT_PARTS = {None, "text", "output_text"}
_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "reasoning_details", "thinking_blocks")
"""Fields for reasoning; several may contain the same text."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Differences of a model from the format. limit_field: its name for the token limit; send_*: False for a parameter
    that it rejects; starts_with_reasoning: whether its replies begin within reasoning.
    """

    limit_field: str = "max_tokens"
    send_temperature: bool = True
    send_stream_options: bool = True
    send_logprobs: bool = True
    starts_with_reasoning: bool = False


def body_of(request: ChatRequest, model: str, dialect: Dialect, stream: bool) -> bytes:
    messages = [_message(message) for message in request.messages]
    body: Json = {"model": model, "messages": messages, dialect.limit_field: request.max_tokens}
    if request.tools:
        functions = ({"name": t.name, "description": t.description, "parameters": t.parameters} for t in request.tools)
        body["tools"] = [{"type": "function", "function": tool} for tool in functions]
        body["tool_choice"] = _tool_choice(request)
    if request.temperature is not None and dialect.send_temperature:
        body["temperature"] = request.temperature
    if request.logprobs and dialect.send_logprobs:
        body["logprobs"] = True
    if request.sampling is not DEFAULT_SAMPLING:
        body |= _sampling(request.sampling)
    if request.response_format is not None:
        body["response_format"] = request.response_format
    if stream:
        body["stream"] = True
        if dialect.send_stream_options:
            body["stream_options"] = {"include_usage": True}
    return orjson.dumps(body)


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
    try:
        body = orjson.loads(raw.removeprefix(BOM))
    except orjson.JSONDecodeError as error:
        raise InvalidResponse("the reply is not JSON") from error
    # Gemini puts errors into a list.
    if isinstance(body, list) and len(body) == 1 and isinstance(body[0], dict) and "error" in body[0]:
        body = body[0]
    if not isinstance(body, dict):
        raise InvalidResponse("the reply is not a JSON object")
    return body


def parse_completion(body: Json, request: ChatRequest, dialect: Dialect, wait: float | None = None) -> Completion:
    """The completion of a reply. wait: Retry-After of the headers, in seconds. Errors: ModelFailure."""
    raise_error(body, wait)
    choice = _first_choice(body)
    if choice is None or not isinstance(choice.get("message"), dict):
        raise InvalidResponse("the reply has no choices")
    content, finish = _content(choice["message"]), finish_of(choice.get("finish_reason"))
    calls = calls_of(choice["message"].get("tool_calls"), request)
    reasoning = ReasoningFilter(dialect.starts_with_reasoning)
    text = reasoning.feed(content.text) + reasoning.end()
    if content.refused or finish == "content_filter":
        raise OutputFiltered("the model refused" if content.refused else "the provider filtered the reply")
    if not text.strip() and not calls:
        raise InvalidResponse(empty_reply_reason(finish, content.reasoning or reasoning.found))
    accepted = text[: request.max_characters]
    usage = usage_of(body.get("usage"))
    usage = usage if usage and usage.output else None
    written = accepted + "".join(call.name + call.arguments for call in calls)
    # With reasoning in the text, the logprobs are not those of the answer.
    confidence = confidence_of(logprobs_of(choice)) if request.logprobs and not reasoning.found else None
    counted = usage or estimate_usage(request, written, content.reasoning + reasoning.characters)
    cut: Finish = "cut" if len(accepted) < len(text) else finish
    ending = CompletionEnd(cut, counted, usage is None, confidence, model_of(body))
    return Completion(accepted, ending, calls)


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
        arguments = orjson.dumps(arguments or {}).decode()
    if len(arguments) > request.max_characters or len(function["name"]) > MAX_NAME_CHARACTERS:
        raise InvalidResponse("the reply calls a tool with too long arguments")
    name = own if isinstance(own, str) and 0 < len(own) <= MAX_NAME_CHARACTERS else f"call_{place}"
    return ToolCall(clean(name), clean(function["name"]), clean(arguments))


@dataclass(frozen=True, slots=True)
class StreamChunk:
    """One chunk of a stream; any part may be absent. reasoning: its characters, besides the text. whole: the text
    is in `message`, as in a full reply.
    """

    text: str = ""
    reasoning: int = 0
    refused: bool = False
    finish: Finish | None = None
    usage: Usage | None = None
    logprobs: list[float] | None = None
    whole: bool = False
    model: str | None = None


def parse_chunk(body: Json, wait: float | None = None) -> StreamChunk:
    """One chunk of a stream. wait: Retry-After of the headers in seconds, for an error. Errors: ModelFailure."""
    raise_error(body, wait)
    usage = usage_of(body.get("usage"))
    choice = _first_choice(body, streamed=True)
    if choice is None:
        return StreamChunk(usage=usage, model=model_of(body))
    # Azure's filter reports in chunks without a delta; some servers repeat the full reply at the end.
    delta, message = _dict(choice.get("delta")), _dict(choice.get("message"))
    content = _content(delta or message)
    reason = choice.get("finish_reason")
    finish = None if reason is None else finish_of(reason)
    logprobs, model = logprobs_of(choice), model_of(body)
    return StreamChunk(
        content.text, content.reasoning, content.refused, finish, usage, logprobs, whole=not delta, model=model
    )


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


def finish_of(reason: object) -> Finish:
    """The finish of a finish_reason. Errors: ModelFailure, for a reason that means an error."""
    word = str(reason).strip().lower().replace("-", "_").replace(" ", "_")
    if word in _FAILED:
        raise failure_in({"type": word})
    if word in _FILTERED:
        return "content_filter"
    return "length" if word in _TOO_LONG else "stop"


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


def usage_of(usage: object) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    read, written = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    # Every call reads tokens: a report of none is wrong.
    if not read or written is None:
        return None
    cached = _count(_inside(usage, "prompt_tokens_details", "cached_tokens")) or 0
    reasoning = _count(_inside(usage, "completion_tokens_details", "reasoning_tokens")) or 0
    return Usage.reported(read, cached, written, reasoning)


def _first_choice(body: Json, *, streamed: bool = False) -> Json | None:
    choices = body.get("choices")
    if not isinstance(choices, list):
        if streamed and choices is None:
            return None
        raise InvalidResponse("the reply has no choices")
    ours = [each for each in choices if isinstance(each, dict)]
    first = next((each for each in ours if each.get("index") in (0, None)), None)
    return first or (ours[0] if ours and not streamed else None)


def _inside(body: Json, outer: str, inner: str) -> object:
    return _dict(body.get(outer)).get(inner)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}
