from app.adapters.chat.calls import CallPieces


def test_an_id_that_is_no_text_is_as_none() -> None:
    pieces = CallPieces(100)
    pieces.add([{"id": ["x"], "function": {"name": "search", "arguments": "{"}}])
    pieces.add([{"id": {"a": 1}, "function": {"arguments": "}"}}])
    assert [call["function"] for call in pieces.calls] == [{"name": "search", "arguments": "{}"}]
