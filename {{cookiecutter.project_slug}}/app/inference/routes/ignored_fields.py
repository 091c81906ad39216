"""Finds the fields of a request that have no effect, for the answer's `warnings`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from app.inference.domain.answer import RequestWarning
from app.inference.domain.client_options import MAX_TOKENS
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.schemas import AnswerRequest, ChatCompletionRequest, ChatMessageRequest

MOST_WARNINGS, LONGEST_NAME = 50, 100
WHOLE_CHAIN = "default"
"""The name of all models together, in the order of the fallback."""

_MEMBERS: Mapping[str, tuple[str, Sequence[Any]]] = {
    "modalities": ("The answer is always text.", (["text"],)),
    "audio": ("The answer is always text.", ()),
    "logit_bias": ("It is not passed on to the model.", ({},)),
    "logprobs": ("Log probabilities are not returned; `answer.confidence` is, where a review rule needs it.", (False,)),
    "top_logprobs": ("Log probabilities are not returned.", (0,)),
    "user": ("The API key identifies the caller.", ()),
    "metadata": ("It is not stored.", ({},)),
    "store": ("Every answer is stored.", (True,)),
    "parallel_tool_calls": ("The model decides how many actions it proposes.", (True,)),
    "functions": ("Actions are offered in `tools`.", ([],)),
    "function_call": ("Actions are offered in `tools`.", ("auto", "none")),
}


def warnings_of(body: ChatCompletionRequest, own_tools: Collection[str] = ()) -> tuple[RequestWarning, ...]:
    """Warnings about fields of a request in the OpenAI format that have no effect. own_tools: the client's."""
    warnings = (*_of_messages(body.messages), *_of_tools(body, own_tools), *_of_limits(body), *_of_members(body))
    return _each_once(warnings)


def warnings_of_question(body: AnswerRequest) -> tuple[RequestWarning, ...]:
    """Warnings about fields of a request to POST /v1/answers that have no effect."""
    return _each_once(_of_model(body.model, body.model_fields_set))


def unknown_fields(extra: Mapping[str, Any] | None) -> list[RequestWarning]:
    """Warnings about fields that a request has beyond those of its model."""
    names = (name[:LONGEST_NAME] for name in islice(_set(extra), MOST_WARNINGS))
    return [RequestWarning(name, f"`{name}` has no effect.") for name in names]


def _each_once(warnings: Sequence[RequestWarning] | Iterator[RequestWarning]) -> tuple[RequestWarning, ...]:
    return tuple(islice({warned.name: warned for warned in warnings}.values(), MOST_WARNINGS))


def question_place(messages: Sequence[ChatMessageRequest]) -> int | None:
    """Where the question is: the last message, or the one before calls of tools and their results. Instructions may
    follow it.
    """
    asked = [place for place, each in enumerate(messages) if each.role == "user"]
    last = [each.role for each in messages if not each.is_instruction][-1:]
    return asked[-1] if asked and last[0] in ("user", "tool") else None


def _of_messages(messages: Sequence[ChatMessageRequest]) -> Iterator[RequestWarning]:
    at = question_place(messages) or 0
    if any(each.role in ("tool", "function") or each.has_other_parts for each in messages[:at]):
        yield RequestWarning("history", "Of earlier messages only the texts of user and assistant are read.")
    for name in _set(messages[at].model_extra):
        yield RequestWarning(f"messages.{name}"[:LONGEST_NAME], f"`{name[:LONGEST_NAME]}` of a message has no effect.")


def _of_tools(body: ChatCompletionRequest, own: Collection[str]) -> Iterator[RequestWarning]:
    functions = [tool.function for tool in body.tools or ()]
    if any(each.name not in own and (each.description or each.parameters is not None) for each in functions):
        message = "Only the names of actions count: their descriptions and parameters are this service's."
        if body.tool_choice == "none":
            message = "With the tool_choice `none` no tool is offered to the model."
        yield RequestWarning("tools", message)
    choice = body.tool_choice
    named = choice.get("function") if isinstance(choice, dict) else None
    forced = (choice == "required" and own) or (isinstance(named, dict) and named.get("name") in own)
    if choice not in (None, "auto", "none") and not forced:
        yield RequestWarning(
            "tool_choice", "The model itself decides whether it proposes an action; only `none` and `auto` count."
        )


def _of_limits(body: ChatCompletionRequest) -> Iterator[RequestWarning]:
    if body.max_tokens is not None and body.max_completion_tokens not in (None, body.max_tokens):
        yield RequestWarning("max_tokens", "`max_completion_tokens` counts in its place.")
    if (body.token_limit or 0) > MAX_TOKENS:
        name = "max_completion_tokens" if body.max_completion_tokens else "max_tokens"
        yield RequestWarning(name, f"An answer has at most {MAX_TOKENS:,} tokens; that many are allowed.")
    options = body.stream_options
    if options and not body.stream:
        yield RequestWarning("stream_options", "Only a stream has them.")
    for name in _set(options.model_extra if options else None):
        yield RequestWarning(f"stream_options.{name}"[:LONGEST_NAME], f"`{name[:LONGEST_NAME]}` has no effect.")
    yield from _of_model(body.model, body.model_fields_set)


def _of_model(model: str | None, sent: set[str]) -> Iterator[RequestWarning]:
    """Options of a language model have no effect on the extractive answerer."""
    for name in ("temperature", "max_tokens", "max_completion_tokens") if model == EXTRACTIVE else ():
        if name in sent:
            yield RequestWarning(name, f"The model {EXTRACTIVE} only quotes; it generates no text.")


def _of_members(body: ChatCompletionRequest) -> Iterator[RequestWarning]:
    for name, value in _set(body.model_extra).items():
        message, harmless = _MEMBERS.get(name, ("This service does not know it, and it has no effect.", ()))
        if value not in harmless or (isinstance(value, bool) != any(isinstance(each, bool) for each in harmless)):
            yield RequestWarning(name[:LONGEST_NAME], f"`{name[:LONGEST_NAME]}` has no effect. {message}")


def _set(extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """The extra fields that are not null."""
    return {name: value for name, value in (extra or {}).items() if value is not None}
