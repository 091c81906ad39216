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
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11, minutes=-30)), timezone.max])),
    st.uuids(),
)
def test_a_cursor_gives_its_moment_and_id_to_the_microsecond(at: datetime, last: UUID) -> None:
    text = Cursor(at, last).text()
    assert Cursor.parse(text) == Cursor(at, last)
    assert text.isascii()
    assert not set(text) & set("+/=&?#%")


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
        encoded("2026-11-22T00:00:00+00:00"),
        encoded("2026-11-22T00:00:00+00:00|"),
        encoded(f"|{ONE}"),
        encoded(f"2026-13-22T00:00:00+00:00|{ONE}"),
        encoded(f"2026-11-22T00:00:00+00:00|{ONE}|{ONE}"),
        encoded("2026-11-22T00:00:00+00:00|' or 1 = 1"),
        encoded(f"2026-11-22T00:00:00|{ONE}"),
        "=" * 10,
        "A" * 10_001,
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Cursor.parse(text)
