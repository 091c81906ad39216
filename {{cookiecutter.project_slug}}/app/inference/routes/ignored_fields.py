"""Finds the fields of a request that have no effect, for the answer's `warnings`."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from app.inference.domain.answer import RequestWarning
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.schemas import AnswerRequest, ChatCompletionRequest, ChatMessageRequest

MOST_WARNINGS, LONGEST_NAME = 50, 100

_PARTS = {
    "image_url": ("images", "Images are ignored; only the text of the question is read."),
    "input_audio": ("audio_input", "Audio is ignored; only the text of the question is read."),
    "file": ("files", "Files in messages are not read; documents are sent to POST /v1/documents."),
}
_MEMBERS: Mapping[str, tuple[str, Sequence[Any]]] = {
    "n": ("There is always one answer.", (1,)),
    "stop": ("The answer does not end at stop sequences.", ("", [])),
    "response_format": ("The answer is always text.", ({"type": "text"},)),
    "modalities": ("The answer is always text.", (["text"],)),
    "audio": ("The answer is always text.", ()),
    "top_p": ("It is not passed on to the model.", (1,)),
    "frequency_penalty": ("It is not passed on to the model.", (0,)),
    "presence_penalty": ("It is not passed on to the model.", (0,)),
    "logit_bias": ("It is not passed on to the model.", ({},)),
    "seed": ("It is not passed on to the model; POST /v1/answers/{id}/replay shows what a second run gives.", ()),
    "logprobs": ("Log probabilities are not returned; `answer.confidence` is, where a review rule needs it.", (False,)),
    "top_logprobs": ("Log probabilities are not returned.", (0,)),
    "user": ("The API key identifies the caller.", ()),
    "metadata": ("It is not stored.", ({},)),
    "store": ("Every answer is stored.", (True,)),
    "parallel_tool_calls": ("The model decides how many actions it proposes.", (True,)),
    "functions": ("Actions are offered in `tools`.", ([],)),
    "function_call": ("Actions are offered in `tools`.", ("auto", "none")),
}


def warnings_of(body: ChatCompletionRequest) -> tuple[RequestWarning, ...]:
    """Warnings about fields of a request in the OpenAI format that have no effect."""
    warnings = (*_of_messages(body.messages), *_of_tools(body), *_of_limits(body), *_of_members(body))
    return _each_once(warnings)


def warnings_of_question(body: AnswerRequest) -> tuple[RequestWarning, ...]:
    """Warnings about fields of a request to POST /v1/answers that have no effect."""
    return _each_once(_of_model(body.model, body.model_fields_set))


def _each_once(warnings: Sequence[RequestWarning] | Iterator[RequestWarning]) -> tuple[RequestWarning, ...]:
    return tuple(islice({warned.name: warned for warned in warnings}.values(), MOST_WARNINGS))


def _of_messages(messages: Sequence[ChatMessageRequest]) -> Iterator[RequestWarning]:
    *before, last = messages
    if any(each.role in ("system", "developer") for each in before):
        yield RequestWarning("system", "System and developer messages are not followed; the release's own prompt is.")
    if any(each.role in ("tool", "function") for each in before):
        yield RequestWarning("history", "Of earlier messages only the texts of user and assistant are read.")
    for part in last.content if isinstance(last.content, list) else ():
        kind = str(part.get("type"))
        if kind != "text":
            name, message = _PARTS.get(kind, (f"messages.{kind}"[:LONGEST_NAME], "Only text is read in messages."))
            yield RequestWarning(name, message)
    for name in _set(last.model_extra):
        yield RequestWarning(f"messages.{name}"[:LONGEST_NAME], f"`{name[:LONGEST_NAME]}` of a message has no effect.")


def _of_tools(body: ChatCompletionRequest) -> Iterator[RequestWarning]:
    if any([*_set(tool.function.model_extra), *_set(tool.model_extra)] for tool in body.tools or ()):
        message = "Only the names in `tools` count: descriptions and parameters of an action are this service's."
        yield RequestWarning("tools", message)
    if body.tool_choice not in (None, "auto", "none"):
        yield RequestWarning(
            "tool_choice", "The model itself decides whether it proposes an action; only `none` and `auto` count."
        )


def _of_limits(body: ChatCompletionRequest) -> Iterator[RequestWarning]:
    if body.max_tokens is not None and body.max_completion_tokens not in (None, body.max_tokens):
        yield RequestWarning("max_tokens", "`max_completion_tokens` counts in its place.")
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
