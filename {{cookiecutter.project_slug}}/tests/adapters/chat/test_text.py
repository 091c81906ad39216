"""Text from providers can be stored, or the reply is invalid."""

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


@pytest.mark.parametrize("text", [b"\\ud800", b"\xed\xa0\x80", b"\xff", b"\\u0000"])
def test_what_cannot_be_stored_is_replaced(text: bytes) -> None:
    body = parse_object(b'{"choices": [{"message": {"content": "Six. %b"}}]}' % text)
    written = parse_completion(body, REQUEST, Dialect()).text
    assert (written[:5], set(written[5:])) == ("Six. ", {"\ufffd"})


def test_a_character_in_two_escapes_is_one_character() -> None:
    body = parse_object(b'{"choices": [{"message": {"content": "\\ud83d\\ude00", "nan": NaN}}]}')
    assert parse_completion(body, REQUEST, Dialect()).text == "\U0001f600"


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a": ' * 100_000, b"1" * 5000])
def test_json_beyond_all_measure_is_an_invalid_response(raw: bytes) -> None:
    with pytest.raises(InvalidResponse):
        parse_object(raw)
