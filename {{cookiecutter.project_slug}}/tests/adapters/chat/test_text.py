"""What a provider sends is text that can be stored, or no valid reply."""

import orjson
import pytest

from app.adapters.chat.wire import Dialect, parse_completion, parse_object
from app.llm.domain.errors import InvalidResponse
from app.llm.domain.messages import ChatRequest, Message, Tool

REQUEST = ChatRequest((Message("user", "x"),), 100, tools=(Tool("a", "b", {}),), allow_tool_calls=True)


def test_a_tool_call_holds_nothing_that_cannot_be_stored() -> None:
    call = {"id": "1\0", "function": {"name": "open\0ticket", "arguments": '{"a": "b\0"}'}}
    found = parse_completion({"choices": [{"message": {"content": None, "tool_calls": [call]}}]}, REQUEST, Dialect())
    (made,) = found.calls
    assert "\0" not in made.id + made.name + made.arguments


@pytest.mark.parametrize("text", [b"\\ud800", b"\xed\xa0\x80", b"\xff"])
def test_half_a_character_is_no_valid_reply(text: bytes) -> None:
    with pytest.raises(InvalidResponse):
        parse_object(b'{"choices": [{"message": {"content": "%b"}}]}' % text)
    assert orjson.loads(b'"\\ud83d\\ude00"') == "\U0001f600"
