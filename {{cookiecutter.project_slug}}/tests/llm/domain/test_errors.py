from datetime import UTC, datetime

import pytest

from app.llm.domain.errors import retry_after

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-4", 0.0),
        ("Tue, 01 Jan 2030 00:00:07 GMT", 7.0),
        ("Mon, 31 Dec 2029 00:00:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_a_date_or_nothing(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
