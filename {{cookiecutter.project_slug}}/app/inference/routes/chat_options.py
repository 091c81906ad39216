"""What a request in the OpenAI format asks for, as a question with its options."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from app.core.errors import Invalid
from app.inference.domain.answer import Question
from app.inference.domain.answer_format import AnswerFormat, FormatInvalid, check_schema
from app.inference.domain.client_options import MAX_TOKENS, NO_OPTIONS, ClientOptions
from app.inference.domain.client_tools import (
    MAX_DESCRIPTION,
    MAX_EXCHANGE,
    MAX_EXCHANGE_CHARACTERS,
    MAX_TOOL_CHARACTERS,
    TOOL_NAME,
    ToolInvalid,
    ToolResultsInvalid,
)
from app.inference.domain.conversations.turns import Turn, turns_of
from app.inference.routes.ignored_fields import WHOLE_CHAIN, question_place, warnings_of
from app.inference.schemas import TEXT_PARTS, ChatCompletionRequest, ChatMessageRequest, ChatToolRequest
from app.llm.domain.messages import DEFAULT_SAMPLING, Message, Sampling, Tool, ToolCall

_IMAGE = ("Images", "Describe the image in words, or send it as a document to POST /v1/documents.")
_FILE = ("Files in messages", "Send the file to POST /v1/documents, then ask.")
_UNREADABLE = {
    "image": _IMAGE,
    "image_url": _IMAGE,
    "input_image": _IMAGE,
    "input_audio": ("Audio", "Send the question as text."),
    "document": _FILE,
    "file": _FILE,
    "input_file": _FILE,
}

OPTIONS = frozenset({"stop", "seed", "top_p", "frequency_penalty", "presence_penalty", "response_format", "tools"})
"""The fields that become options of the question."""


class NoQuestion(Invalid):
    code, title, param = "no_question", "There is no question in the messages", "messages"
    action = "Let the last message be the user's, with text."


class ContentUnreadable(Invalid):
    code, title, param = "content_unreadable", "Only text can be read in messages", "messages"


class OneAnswer(Invalid):
    code, title, param = "one_answer", "There is one answer to each request", "n"
    action = "Leave `n` out, and send the request again for a second answer."


def question_of(body: ChatCompletionRequest, actions: Collection[str]) -> Question:
    """The question and its options. actions: the names of this service's actions; other tools are the client's.

    Errors: NoQuestion, ContentUnreadable, OneAnswer, FormatInvalid, ToolInvalid, ToolResultsInvalid.
    """
    if body.n is not None and body.n > 1:
        raise OneAnswer(f"{body.n} answers are asked for; this service gives one.")
    _check_parts(body.messages)
    at = question_place(body.messages)
    if at is None or not body.messages[at].text.strip():
        raise NoQuestion
    tools = body.tools if body.tools and body.tool_choice != "none" else ()
    own = tuple(tool for tool in tools if _is_clients(tool, actions))
    return Question(
        body.messages[at].text,
        max_tokens=min(body.token_limit or 512, MAX_TOKENS),
        temperature=body.temperature if body.temperature is not None else 0.0,
        model=None if body.model == WHOLE_CHAIN else body.model,
        actions=tuple(tool.function.name for tool in tools if tool not in own),
        warnings=warnings_of(body, {tool.function.name for tool in own}),
        options=_options(body, at, own),
        history=_history(body.messages[:at]),
    )


def _history(messages: Sequence[ChatMessageRequest]) -> tuple[Turn, ...]:
    """The messages of user and assistant before the question."""
    return turns_of((each.role, each.text) for each in messages if each.role in ("user", "assistant"))


def _options(body: ChatCompletionRequest, at: int, own: Sequence[ChatToolRequest]) -> ClientOptions:
    if len(body.messages) == 1 and OPTIONS.isdisjoint(body.model_fields_set):
        return NO_OPTIONS
    options = ClientOptions(
        "\n\n".join(each.text for each in body.messages if each.is_instruction and each.text.strip()),
        _sampling(body),
        _format(body.response_format),
        _tools(own),
        _choice(body.tool_choice, own),
        _exchange([each for each in body.messages[at + 1 :] if not each.is_instruction]),
    )
    return NO_OPTIONS if options == NO_OPTIONS else options


def _sampling(body: ChatCompletionRequest) -> Sampling:
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    sampling = Sampling(
        body.top_p, body.frequency_penalty, body.presence_penalty, body.seed, tuple(each for each in stop if each)
    )
    return DEFAULT_SAMPLING if sampling == DEFAULT_SAMPLING else sampling


def _check_parts(messages: Sequence[ChatMessageRequest]) -> None:
    for message in messages:
        for part in message.content if isinstance(message.content, list) else ():
            kind = str(part.get("type"))
            # An assistant's other parts are what a client repeats of earlier replies.
            if kind in _UNREADABLE or (part.get("type") not in TEXT_PARTS and message.role != "assistant"):
                what, action = _UNREADABLE.get(kind, (f"Parts of the type {kind[:80]}", "Send text."))
                raise ContentUnreadable(f"{what} cannot be read here.", action=action)


def _format(wanted: Mapping[str, Any] | None) -> AnswerFormat | None:
    kind = wanted.get("type") if wanted else "text"
    if wanted is None or kind == "text":
        return None
    if kind == "json_object":
        return AnswerFormat()
    described = wanted.get("json_schema")
    if kind != "json_schema" or not isinstance(described, dict) or not isinstance(described.get("schema"), dict):
        raise FormatInvalid("The type is text, json_object, or json_schema with the schema of an object.")
    name, strict = described.get("name"), described.get("strict")
    if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
        raise FormatInvalid("`json_schema.name` is 1 to 64 letters, digits, dashes and underscores.")
    check_schema(described["schema"])
    if described["schema"].get("type", "object") not in ("object", ["object"]):
        raise FormatInvalid("The schema at its top is of an object, because the answer is one.")
    return AnswerFormat(name, described["schema"], strict if isinstance(strict, bool) else None)


def _is_clients(tool: ChatToolRequest, actions: Collection[str]) -> bool:
    """A tool with nothing but a name can only be an action."""
    function = tool.function
    return function.name not in actions and (function.description is not None or function.parameters is not None)


def _tools(own: Sequence[ChatToolRequest]) -> tuple[Tool, ...]:
    if sum(len(tool.function.model_dump_json()) for tool in own) > MAX_TOOL_CHARACTERS:
        raise ToolInvalid(f"The tools together are longer than {MAX_TOOL_CHARACTERS:,} characters.")
    tools = []
    for tool in own:
        function, parameters = tool.function, tool.function.parameters or {"type": "object", "properties": {}}
        if not TOOL_NAME.fullmatch(function.name):
            raise ToolInvalid("The name of a tool is 1 to 64 letters, digits, dashes and underscores.")
        if len(function.description or "") > MAX_DESCRIPTION:
            raise ToolInvalid(f"The description of '{function.name}' is longer than {MAX_DESCRIPTION:,} characters.")
        try:
            check_schema(parameters)
        except FormatInvalid as error:
            raise ToolInvalid(f"The parameters of '{function.name}': {error.detail}") from error
        tools.append(Tool(function.name, function.description or "", parameters))
    if len({tool.name for tool in tools}) < len(tools):
        raise ToolInvalid("Two tools have the same name.")
    return tuple(tools)


def _choice(choice: str | dict[str, Any] | None, own: Sequence[ChatToolRequest]) -> str | None:
    """Only a tool of the client can be required: the model decides about actions."""
    if choice == "required":
        return "required" if own else None
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if any(tool.function.name == name for tool in own) else None


def _exchange(messages: Sequence[ChatMessageRequest]) -> tuple[Message, ...]:
    """Calls of the client's tools with their results, each call with one result. Errors: ToolResultsInvalid."""
    if len(messages) > MAX_EXCHANGE:
        raise ToolResultsInvalid(f"There are more than {MAX_EXCHANGE} messages since the question.")
    exchange: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.role == "tool":
            if (name := message.tool_call_id) not in waiting or name is None:
                raise ToolResultsInvalid("A message of the role tool answers no call of the message before it.")
            waiting.remove(name)
            exchange.append(Message("tool", message.text, call_id=name))
        elif message.role == "assistant" and message.tool_calls and not waiting:
            calls = tuple(map(_call, message.tool_calls))
            waiting = [call.id for call in calls]
            exchange.append(Message("assistant", "", calls))
        else:
            raise ToolResultsInvalid("After the question only calls of tools and their results may follow.")
    if waiting:
        raise ToolResultsInvalid(f"The call '{waiting[0][:80]}' has no result.")
    if sum(len(message.text) for message in exchange) > MAX_EXCHANGE_CHARACTERS:
        raise ToolResultsInvalid(f"Calls and results together are longer than {MAX_EXCHANGE_CHARACTERS:,} characters.")
    return tuple(exchange)


def _call(call: Mapping[str, Any]) -> ToolCall:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    name, own, arguments = function.get("name"), call.get("id"), function.get("arguments") or "{}"
    if (
        not isinstance(name, str)
        or not TOOL_NAME.fullmatch(name)
        or not isinstance(own, str)
        or not 0 < len(own) <= 200
    ):
        raise ToolResultsInvalid("A call in the messages has no id, or no name of a function.")
    return ToolCall(own, name, arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode())
