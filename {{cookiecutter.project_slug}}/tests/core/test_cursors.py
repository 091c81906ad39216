import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.cursors import PageCursor
from app.core.errors import Invalid

ONE = UUID(int=1)


class Cursor(PageCursor):
    unreadable = Invalid


@given(
    st.datetimes(
        min_value=datetime(1, 1, 3),
        max_value=datetime(9999, 12, 29),
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11, minutes=-30)), timezone.max]),
    ),
    st.uuids(),
)
def test_a_cursor_gives_its_moment_and_id_to_the_microsecond(at: datetime, last: UUID) -> None:
    text = Cursor(at, last).text()
    assert Cursor.parse(text) == Cursor(at, last)
    assert text.isascii()
    assert not set(text) & set("+/=&?#%")


@given(st.binary(min_size=24, max_size=24))
def test_every_text_of_the_form_that_the_document_names_is_a_cursor(content: bytes) -> None:
    cursor = Cursor.parse(base64.urlsafe_b64encode(content).decode())
    assert (cursor.at.tzinfo, cursor.id.bytes) == (UTC, content[8:])


def test_a_time_that_no_year_holds_is_the_last_of_all() -> None:
    text = base64.urlsafe_b64encode(b"\xff" * 8 + ONE.bytes).decode()
    assert Cursor.parse(text) == Cursor(datetime.max.replace(tzinfo=UTC), ONE)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "é",
        "\x00",
        "____",
        "A" * 31,
        "A" * 33,
        "A" * 32 + "\n",
        "A" * 31 + "+",
        "A" * 31 + "é",
        encoded(f"2026-11-22T00:00:00+00:00|{ONE}"),
        encoded("2026-11-22T00:00:00+00:00|' or 1 = 1"),
        "=" * 32,
        "A" * 10_001,
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Cursor.parse(text)
