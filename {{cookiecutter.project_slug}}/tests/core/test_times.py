from datetime import UTC, date, datetime, timedelta, timezone

import httpx
import pytest
import typer
from pydantic import TypeAdapter, ValidationError

from app.cli.common import local_moment
from app.core.times import Day, Moment, in_utc

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


MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
DAY: TypeAdapter[date] = TypeAdapter(Day)


@pytest.mark.parametrize(
    "sent", ["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.0z", "2026-01-31T17:30:00+05:30", "2026-01-30T22:00:00-14:00"]
)
def test_a_time_of_a_request_names_its_day_and_zone(sent: str) -> None:
    assert MOMENT.validate_python(sent) == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "sent",
    [
        0.5,
        1769860800,
        "0.5",
        "1769860800",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "2026-01-31 12:00:00Z",
        "2026-02-30T12:00:00Z",
        "0999-01-31T12:00:00Z",
        "3000-01-31T12:00:00Z",
        "２026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n",
        True,
        None,
    ],
)
def test_what_could_only_be_guessed_to_be_a_time_is_refused(sent: object) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(sent)


@pytest.mark.parametrize("sent", [0, "0", "1769860800", "2026-01-31T00:00:00", "2026-1-31", "1999-12-31", "2026-02-30"])
def test_a_day_of_a_request_is_written_as_one(sent: object) -> None:
    assert DAY.validate_python("2026-01-31") == date(2026, 1, 31)
    with pytest.raises(ValidationError):
        DAY.validate_python(sent)


async def test_a_number_for_a_time_is_refused_in_words(client: httpx.AsyncClient) -> None:
    asked = {
        "/v1/answers?until=0.5": "query.until",
        "/v1/conversations?before=0.5": "query.before",
        "/v1/releases/at?time=1769860800": "query.time",
        "/v1/costs?since=1769860800": "query.since",
    }
    for address, field in asked.items():
        reply = await client.get(address)
        problem = reply.json()
        assert (reply.status_code, problem["errors"][0]["field"]) == (422, field)
        assert "2026-01-31" in problem["detail"]
