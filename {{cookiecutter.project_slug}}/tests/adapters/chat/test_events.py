import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.chat.events import MAX_EVENT_BYTES, EventReader, EventTooLong


@given(st.lists(st.integers(1, 7), min_size=1, max_size=60))
def test_events_do_not_depend_on_where_the_bytes_are_split(cuts: list[int]) -> None:
    raw = b': note\r\ndata: {"a": 1}\r\n\r\nevent: x\ndata:one\ndata: two\n\ndata: [DONE]\n\n'
    reader, events, at = EventReader(), [], 0
    for cut in [*cuts, len(raw)]:
        events += reader.feed(raw[at : at + cut])
        at += cut
    assert events == [b'{"a": 1}', b"one\ntwo", b"[DONE]"]


def test_an_event_without_its_closing_line_is_returned_at_the_end() -> None:
    reader = EventReader()
    assert not list(reader.feed(b"data: [DONE]"))
    assert list(reader.end()) == [b"[DONE]"]


def test_an_endless_line_is_rejected() -> None:
    reader = EventReader()
    with pytest.raises(EventTooLong):
        for _ in range(MAX_EVENT_BYTES):
            list(reader.feed(b"x" * 4096))
