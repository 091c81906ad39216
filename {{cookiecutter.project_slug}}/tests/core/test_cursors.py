"""The text of a place in a list, which callers send back to get the next page."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.cursors import cursor_text, parse_cursor

NOON, ONE = datetime(2026, 1, 31, 12, tzinfo=UTC), UUID(int=1)
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=zones)


@given(moments, st.uuids())
def test_a_place_is_read_back_to_the_microsecond_in_any_zone(at: datetime, last: UUID) -> None:
    text = cursor_text(at, last)
    assert parse_cursor(text) == (at, last)
    assert text.replace("-", "").replace("_", "").isalnum(), "it needs no escape in an address"


def test_a_cursor_is_read_with_its_padding_too() -> None:
    text = cursor_text(NOON, ONE)
    assert parse_cursor(text + "=" * (-len(text) % 4)) == (NOON, ONE)


@given(st.text(max_size=100) | st.binary(max_size=80).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_whatever_else_is_sent_is_a_value_error_and_nothing_worse(text: str) -> None:
    with pytest.raises(ValueError):
        parse_cursor(text)
