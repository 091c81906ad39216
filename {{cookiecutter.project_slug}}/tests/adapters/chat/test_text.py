"""Text from providers can be stored, or the reply is invalid."""

import orjson
import pytest

from app.adapters.chat.wire import Dialect, parse_completion, parse_object
from app.llm.domain.errors import InvalidResponse
from app.llm.domain.messages import ChatRequest, Message, Tool

REQUEST = ChatRequest((Message("user", "x"),), 100, tools=(Tool("a", "b", {}),), allow_tool_calls=True)


def test_a_tool_call_contains_only_storable_text() -> None:
    raw = {"id": "1\0", "function": {"name": "open\0ticket", "arguments": '{"a": "b\0"}'}}
    completion = parse_completion(
        {"choices": [{"message": {"content": None, "tool_calls": [raw]}}]}, REQUEST, Dialect()
    )
    (call,) = completion.calls
    assert "\0" not in call.id + call.name + call.arguments


@pytest.mark.parametrize("text", [b"\\ud800", b"\xed\xa0\x80", b"\xff"])
def test_a_lone_surrogate_is_an_invalid_response(text: bytes) -> None:
    with pytest.raises(InvalidResponse):
        parse_object(b'{"choices": [{"message": {"content": "%b"}}]}' % text)
    assert orjson.loads(b'"\\ud83d\\ude00"') == "\U0001f600"
