from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer

from app.cli.common import local_moment
from app.core.times import in_utc

EAST = timezone(timedelta(hours=23, minutes=59))


def test_a_time_without_a_zone_is_utc_and_others_are_converted() -> None:
    assert in_utc(datetime(2026, 1, 31, 12)) == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert in_utc(datetime(2026, 1, 31, 12, tzinfo=EAST)) == datetime(2026, 1, 30, 12, 1, tzinfo=UTC)
    assert in_utc(datetime(1, 1, 1)) == datetime(1, 1, 1, tzinfo=UTC)


def test_a_moment_before_the_first_year_is_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        in_utc(datetime(1, 1, 1, tzinfo=EAST))


@pytest.mark.parametrize("time", [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59)])
def test_a_time_of_the_command_line_that_no_year_holds_is_named(time: datetime) -> None:
    class Local(datetime):
        def astimezone(self, tz: object = None) -> "Local":  # type: ignore[override]
            raise OverflowError

    with pytest.raises(typer.BadParameter, match="out of range"):
        local_moment(Local(time.year, time.month, time.day))


def test_a_time_of_the_command_line_is_of_this_machines_zone() -> None:
    assert local_moment(datetime(2026, 1, 31, 12)) == datetime(2026, 1, 31, 12).astimezone()
