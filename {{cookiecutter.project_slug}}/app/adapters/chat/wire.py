"""The OpenAI chat format, read with suspicion: what real servers send, and what broken ones do."""

from collections.abc import Iterator
from typing import Any

import orjson

from app.core.text import clean
from app.costs.domain import Usage
from app.inference.domain.chat import (
    ChatRequest,
    Completion,
    Ending,
    Finish,
    Message,
    ToolCall,
    confidence_of,
    estimate,
)
from app.inference.domain.failures import ModelFailure, Nonsense, Withheld, failure_of

Json = dict[str, Any]

MOST_CALLS, LONGEST_NAME = 32, 200


def body_of(request: ChatRequest, model: str, limit_field: str, stream: bool) -> bytes:
    messages = [_message(message) for message in request.messages]
    body: Json = {"model": model, "messages": messages, limit_field: request.max_tokens}
    if request.tools:
        shown = ({"name": t.name, "description": t.description, "parameters": t.parameters} for t in request.tools)
        body["tools"] = [{"type": "function", "function": tool} for tool in shown]
        body["tool_choice"] = "auto" if request.may_call else "none"
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.logprobs:
        body["logprobs"] = True
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
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
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Nonsense("the reply is not JSON") from error
    if not isinstance(found, dict):
        raise Nonsense("the reply is not a JSON object")
    return found


def parse_failure(status: int, raw: bytes, wait: float | None) -> ModelFailure:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    return failure_of(status, _kind(found.get("error") if isinstance(found, dict) else None), wait)


def parse_completion(found: Json, request: ChatRequest) -> Completion:
    raise_error(found)
    choice = _first_choice(found)
    message = choice.get("message") if choice else None
    if choice is None or not isinstance(message, dict):
        raise Nonsense("the reply has no choices")
    finish = finish_of(choice.get("finish_reason"))
    text = text_of(message.get("content"))
    calls = calls_of(message.get("tool_calls"), request)
    if not text.strip() and not calls:
        raise Withheld("the model refused") if message.get("refusal") else Nonsense("the reply is empty")
    kept = text[: request.most_characters]
    usage = usage_of(found.get("usage"))
    usage = usage if usage and usage.output else None
    written = kept + "".join(call.name + call.arguments for call in calls)
    sure = confidence_of(logprobs_of(choice)) if request.logprobs else None
    spoken = usage or estimate(request, written)
    ending = Ending("cut" if len(kept) < len(text) else finish, spoken, usage is None, sure)
    return Completion(kept, ending, calls)


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
    if not request.tools or not request.may_call or not isinstance(found, list):
        return ()
    if len(found) > MOST_CALLS:
        raise Nonsense(f"the reply calls more than {MOST_CALLS} tools")
    return tuple(_call(each, place, request) for place, each in enumerate(found))


def _call(found: object, place: int, request: ChatRequest) -> ToolCall:
    function = found.get("function") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Nonsense("the reply calls a tool without a name")
    arguments, own = function.get("arguments"), found.get("id")
    if not isinstance(arguments, str):
        arguments = orjson.dumps(arguments or {}).decode()
    if len(arguments) > request.most_characters or len(function["name"]) > LONGEST_NAME:
        raise Nonsense("the reply calls a tool with too long arguments")
    name = own if isinstance(own, str) and 0 < len(own) <= LONGEST_NAME else f"call_{place}"
    return ToolCall(clean(name), clean(function["name"]), clean(arguments))


def parse_chunk(found: Json) -> tuple[str, Finish | None, Usage | None, list[float] | None]:
    """Text, finish, usage and logprobs of one piece of a stream, each possibly absent."""
    raise_error(found)
    usage = usage_of(found.get("usage"))
    choice = _first_choice(found)
    if choice is None:
        return "", None, usage, None
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        raise Nonsense("a piece of the stream has no delta")
    reason = choice.get("finish_reason")
    finish = None if reason is None else finish_of(reason)
    return text_of(delta.get("content")), finish, usage, logprobs_of(choice)


def raise_error(found: Json) -> None:
    """Some servers send an error with status 200; its code may be a number or a word."""
    if error := found.get("error"):
        code = error.get("code") if isinstance(error, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        raise failure_of(status, _kind(error))


def finish_of(reason: object) -> Finish:
    if reason == "content_filter":
        raise Withheld("the provider filtered the reply")
    return "length" if reason == "length" else "stop"


def text_of(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_texts(content))
    raise Nonsense("the content is not text")


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


def _first_choice(found: Json) -> Json | None:
    choices = found.get("choices")
    if not isinstance(choices, list):
        raise Nonsense("the reply has no choices")
    first = choices[0] if choices else None
    return first if isinstance(first, dict) else None


def _texts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, dict) and isinstance(text := part.get("text"), str):
            yield text


def _inside(found: Json, outer: str, inner: str) -> object:
    details = found.get(outer)
    return details.get(inner) if isinstance(details, dict) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def _kind(error: object) -> str:
    """Only the words that name an error: its sentence may repeat what the user wrote."""
    if not isinstance(error, dict):
        return ""
    words = (error.get("type"), error.get("code"), _inside(error, "innererror", "code"))
    return " ".join(word[:60] for word in words if isinstance(word, str) and word.isascii())
