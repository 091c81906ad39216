"""Tool calls over the chat format, also in the variants of other servers."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
import pytest_asyncio

from app.adapters.chat.openai import OpenAIChat, openai_endpoint
from app.adapters.chat.standin import Fault, StandIn
from app.adapters.outbound import make_transport
from app.core.clock import SystemClock
from app.llm.domain.errors import InvalidResponse
from app.llm.domain.messages import ChatRequest, Message, ToolCall, estimate_usage, max_usage
from tests.adapters.chat.contract import GATE, OPEN_GATE, chat_request, soon


def offered(text: str = "Please open gate G-7.") -> ChatRequest:
    return replace(chat_request(text), tools=(OPEN_GATE,))


def called(*calls: Any, **message: Any) -> Fault:
    choice = {"message": {"content": None, "tool_calls": list(calls), **message}, "finish_reason": "tool_calls"}
    return Fault(body=orjson.dumps({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}))


def function(name: Any = "open_gate", arguments: Any = '{"gate": "G-7"}', **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


@pytest_asyncio.fixture
async def model(server: StandIn) -> AsyncIterator[OpenAIChat]:
    async with make_transport() as transport:
        yield OpenAIChat(openai_endpoint("m", server.url, "m"), transport, SystemClock())


async def test_a_tool_is_offered_called_and_its_result_read(server: StandIn, model: OpenAIChat) -> None:
    request = offered()
    reply = await model.complete(request, soon())
    (call,) = reply.calls
    assert (call.name, orjson.loads(call.arguments)) == ("open_gate", {"gate": "G-7"})
    assert not reply.text
    result = Message("tool", '{"gate": "G-7", "stands": "open"}', call_id=call.id)
    after = await model.complete(request.then(Message("assistant", "", reply.calls), result), soon())
    assert (after.text, after.calls) == ("gate G-7, stands open.", ())
    first, second = (each.body for each in server.calls)
    offer = {"name": OPEN_GATE.name, "description": OPEN_GATE.description, "parameters": GATE}
    assert first["tools"] == [{"type": "function", "function": offer}]
    assert first["tool_choice"] == "auto"
    tool_call, tool_result = second["messages"][-2:]
    assert (tool_call["role"], tool_call["content"], tool_call["tool_calls"][0]["id"]) == ("assistant", None, call.id)
    assert (tool_result["role"], tool_result["tool_call_id"]) == ("tool", call.id)


async def test_without_tools_the_request_has_no_tool_fields(server: StandIn, model: OpenAIChat) -> None:
    await model.complete(chat_request(), soon())
    assert not {"tools", "tool_choice"} & server.calls[0].body.keys()


async def test_tool_calls_are_ignored_when_no_tool_was_offered(server: StandIn, model: OpenAIChat) -> None:
    server.faults += [called(function(), content="Done.")] * 2
    assert (await model.complete(chat_request(), soon())).calls == ()
    closed = replace(offered(), allow_tool_calls=False)
    assert (await model.complete(closed, soon())).calls == ()
    assert server.calls[-1].body["tool_choice"] == "none"


@pytest.mark.parametrize(
    ("call", "parsed"),
    [
        (function(id="a"), ToolCall("a", "open_gate", '{"gate": "G-7"}')),
        (function(arguments={"gate": "G-7"}), ToolCall("call_0", "open_gate", '{"gate":"G-7"}')),
        (function(arguments=None), ToolCall("call_0", "open_gate", "{}")),
        (function(arguments="not JSON", id=7), ToolCall("call_0", "open_gate", "not JSON")),
    ],
)
async def test_variants_of_tool_calls_are_parsed(
    server: StandIn, model: OpenAIChat, call: Any, parsed: ToolCall
) -> None:
    server.faults.append(called(call))
    reply = await model.complete(offered(), soon())
    assert reply.calls == (parsed,)
    assert (reply.end.usage.input, reply.end.usage.output) == (9, 4)


@pytest.mark.parametrize(
    "call",
    ["text", {}, {"function": "open"}, function(name=None), function(name="x" * 300), function(arguments="x" * 10_000)],
)
async def test_a_malformed_tool_call_is_an_invalid_response(server: StandIn, model: OpenAIChat, call: Any) -> None:
    server.faults.append(called(call))
    with pytest.raises(InvalidResponse):
        await model.complete(offered(), soon())


async def test_too_many_tool_calls_are_an_invalid_response(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(called(*[function()] * 33))
    with pytest.raises(InvalidResponse, match="more than 32"):
        await model.complete(offered(), soon())


def test_tools_and_tool_calls_count_as_input() -> None:
    plain, with_tools = chat_request("Please open gate G-7."), offered()
    assert estimate_usage(with_tools, "").input > estimate_usage(plain, "").input
    assert max_usage(with_tools).input > max_usage(plain).input
    further = with_tools.then(Message("assistant", "", (ToolCall("a", "open_gate", '{"gate": "G-7"}'),)))
    assert max_usage(further).input > max_usage(with_tools).input
