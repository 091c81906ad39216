"""The question that a client continues by sending the results of its tools, as the messages before them."""

from collections.abc import Iterable
from typing import Any, cast

from app.inference.domain.client_options import ClientOptions
from app.inference.domain.human_review import ArchivedAnswer
from app.llm.domain.messages import Message


def messages_before_results(answer: ArchivedAnswer, with_calls: bool) -> tuple[dict[str, Any], ...]:
    """In the chat format: its question, the calls and results since, and, with_calls, the calls that ended the answer.
    Nothing where it called no tool of the client.
    """
    calls = cast("list[dict[str, str]]", answer.body.get("tool_calls") or [])
    if not calls:
        return ()
    options = cast("dict[str, Any]", answer.conditions.get("options"))
    exchange = ClientOptions.read(options).exchange if options else ()
    question = {"role": "user", "content": answer.question}
    last = (_calling((call["id"], call["name"], call["arguments"]) for call in calls),) if with_calls else ()
    return (question, *map(_as_chat, exchange), *last)


def _as_chat(message: Message) -> dict[str, Any]:
    if message.call_id is not None:
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.content}
    return _calling((call.id, call.name, call.arguments) for call in message.calls)


def _calling(calls: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    tool_calls = [
        {"id": own, "type": "function", "function": {"name": n, "arguments": arguments}} for own, n, arguments in calls
    ]
    return {"role": "assistant", "content": None, "tool_calls": tool_calls}
