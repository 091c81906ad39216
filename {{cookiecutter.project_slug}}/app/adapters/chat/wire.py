"""The OpenAI chat format, read with suspicion: what real servers send, and what broken ones do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from app.adapters.chat.errors import failure_in, raise_error
from app.adapters.chat.events import BOM
from app.adapters.chat.reasoning import ReasoningFilter
from app.core.text import clean
from app.costs.domain import Usage
from app.llm.domain.errors import InvalidResponse, OutputFiltered
from app.llm.domain.messages import (
    ChatRequest,
    Completion,
    CompletionEnd,
    Finish,
    Message,
    ToolCall,
    confidence_of,
    estimate_usage,
)

Json = dict[str, Any]

MOST_CALLS, LONGEST_NAME = 32, 200

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
"""Fields for reasoning; several may hold the same."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one model differs from the rest. limit_field: what it calls the token limit; what it is not to be sent; and
    whether its replies begin within reasoning.
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
        shown = ({"name": t.name, "description": t.description, "parameters": t.parameters} for t in request.tools)
        body["tools"] = [{"type": "function", "function": tool} for tool in shown]
        body["tool_choice"] = "auto" if request.allow_tool_calls else "none"
    if request.temperature is not None and dialect.send_temperature:
        body["temperature"] = request.temperature
    if request.logprobs and dialect.send_logprobs:
        body["logprobs"] = True
    if stream:
        body["stream"] = True
        if dialect.send_stream_options:
            body["stream_options"] = {"include_usage": True}
    return orjson.dumps(body)


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
        found = orjson.loads(raw.removeprefix(BOM))
    except orjson.JSONDecodeError as error:
        raise InvalidResponse("the reply is not JSON") from error
    # Gemini puts errors into a list.
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], dict) and "error" in found[0]:
        found = found[0]
    if not isinstance(found, dict):
        raise InvalidResponse("the reply is not a JSON object")
    return found


def parse_completion(found: Json, request: ChatRequest, dialect: Dialect, wait: float | None = None) -> Completion:
    """wait: what the headers said of it."""
    raise_error(found, wait)
    choice = _first_choice(found)
    if choice is None or not isinstance(choice.get("message"), dict):
        raise InvalidResponse("the reply has no choices")
    said, finish = _said(choice["message"]), finish_of(choice.get("finish_reason"))
    calls = calls_of(choice["message"].get("tool_calls"), request)
    reasoning = ReasoningFilter(dialect.starts_with_reasoning)
    text = reasoning.feed(said.text) + reasoning.end()
    if said.refused or finish == "content_filter":
        raise OutputFiltered("the model refused" if said.refused else "the provider filtered the reply")
    if not text.strip() and not calls:
        raise InvalidResponse(nothing_said(finish, said.reasoning or reasoning.found))
    kept = text[: request.max_characters]
    usage = usage_of(found.get("usage"))
    usage = usage if usage and usage.output else None
    written = kept + "".join(call.name + call.arguments for call in calls)
    # The probabilities of reasoning say nothing about the answer.
    sure = confidence_of(logprobs_of(choice)) if request.logprobs and not reasoning.found else None
    spoken = usage or estimate_usage(request, written, said.reasoning + reasoning.characters)
    ending = CompletionEnd("cut" if len(kept) < len(text) else finish, spoken, usage is None, sure)
    return Completion(kept, ending, calls)


def nothing_said(finish: Finish | None, reasoned: object) -> str:
    """Why a reply that came holds no answer."""
    limit = " within the token limit" if finish in ("length", "cut") else ""
    return f"the model reasoned and did not answer{limit}" if reasoned else f"the reply is empty{limit}"


def logprobs_of(choice: Json) -> list[float] | None:
    """The logarithm of the probability of each token; None where that is not told of all of them."""
    tokens = _inside(choice, "logprobs", "content")
    if not isinstance(tokens, list) or not tokens:
        return None
    found = [token.get("logprob") if isinstance(token, dict) else None for token in tokens]
    told = [float(each) for each in found if isinstance(each, float | int) and not isinstance(each, bool)]
    return [min(each, 0.0) for each in told] if len(told) == len(found) else None


def calls_of(found: object, request: ChatRequest) -> tuple[ToolCall, ...]:
    """What the model asks for, where it was offered anything. Some servers send arguments as an object, or no id."""
    if not request.tools or not request.allow_tool_calls or not isinstance(found, list):
        return ()
    if len(found) > MOST_CALLS:
        raise InvalidResponse(f"the reply calls more than {MOST_CALLS} tools")
    return tuple(_call(each, place, request) for place, each in enumerate(found))


def _call(found: object, place: int, request: ChatRequest) -> ToolCall:
    function = found.get("function") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise InvalidResponse("the reply calls a tool without a name")
    arguments, own = function.get("arguments"), found.get("id")
    if not isinstance(arguments, str):
        arguments = orjson.dumps(arguments or {}).decode()
    if len(arguments) > request.max_characters or len(function["name"]) > LONGEST_NAME:
        raise InvalidResponse("the reply calls a tool with too long arguments")
    name = own if isinstance(own, str) and 0 < len(own) <= LONGEST_NAME else f"call_{place}"
    return ToolCall(clean(name), clean(function["name"]), clean(arguments))


@dataclass(frozen=True, slots=True)
class StreamChunk:
    """One piece of a stream, each part possibly absent. reasoning: characters of it, beside the text. whole: the text
    stands where a whole reply has it.
    """

    text: str = ""
    reasoning: int = 0
    refused: bool = False
    finish: Finish | None = None
    usage: Usage | None = None
    logprobs: list[float] | None = None
    whole: bool = False


def parse_chunk(found: Json, wait: float | None = None) -> StreamChunk:
    """wait: what the headers said of it, should this be an error."""
    raise_error(found, wait)
    usage = usage_of(found.get("usage"))
    choice = _first_choice(found, streamed=True)
    if choice is None:
        return StreamChunk(usage=usage)
    # Azure's filter tells what it found in pieces without a delta; some servers repeat the whole reply at the end.
    delta, message = _dict(choice.get("delta")), _dict(choice.get("message"))
    said = _said(delta or message)
    reason = choice.get("finish_reason")
    finish = None if reason is None else finish_of(reason)
    return StreamChunk(said.text, said.reasoning, said.refused, finish, usage, logprobs_of(choice), whole=not delta)


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    reasoning: int
    refused: bool


def _said(message: Json) -> _Said:
    """What a message or a piece of one says to the reader, and how much it says to itself."""
    text, refused = text_of(message.get("content")), bool(message.get("refusal"))
    parts = _parts(message.get("content"))
    refused |= any(part.get("type") == "refusal" for part in parts)
    apart = [_length(message.get(name)) for name in _REASONING]
    apart.append(sum(_length(part) for part in parts if _is_reasoning(part)))
    if message.get("thought") is True or _inside(_dict(message.get("extra_content")), "google", "thought") is True:
        return _Said("", max(*apart, len(text)), refused)
    return _Said(text, max(apart), refused)


def finish_of(reason: object) -> Finish:
    """Errors: the failure that an ending means which is none."""
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


def _length(found: object, depth: int = 4) -> int:
    """Characters of text in a field whose shape differs from provider to provider."""
    if isinstance(found, str):
        return len(found)
    if isinstance(found, list) and depth:
        return sum(_length(each, depth - 1) for each in found)
    if isinstance(found, dict) and depth:
        return max(
            (_length(found.get(name), depth - 1) for name in ("text", "thinking", "summary", "content")), default=0
        )
    return 0


def usage_of(found: object) -> Usage | None:
    if not isinstance(found, dict):
        return None
    read, written = _count(found.get("prompt_tokens")), _count(found.get("completion_tokens"))
    # A call that read nothing was none: whoever says so does not know.
    if not read or written is None:
        return None
    cached = _count(_inside(found, "prompt_tokens_details", "cached_tokens")) or 0
    reasoning = _count(_inside(found, "completion_tokens_details", "reasoning_tokens")) or 0
    return Usage.reported(read, cached, written, reasoning)


def _first_choice(found: Json, *, streamed: bool = False) -> Json | None:
    choices = found.get("choices")
    if not isinstance(choices, list):
        if streamed and choices is None:
            return None
        raise InvalidResponse("the reply has no choices")
    ours = [each for each in choices if isinstance(each, dict)]
    first = next((each for each in ours if each.get("index") in (0, None)), None)
    return first or (ours[0] if ours and not streamed else None)


def _inside(found: Json, outer: str, inner: str) -> object:
    return _dict(found.get(outer)).get(inner)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def _dict(found: object) -> Json:
    return found if isinstance(found, dict) else {}
