"""Times and days that callers send."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MOMENT_PATTERN: Final = r"^[12]\d{3}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"
DAY_PATTERN: Final = r"^2\d{3}-\d\d-\d\d$"


def in_utc(time: datetime) -> datetime:
    """The moment in UTC; a time without a zone is UTC already. Errors: ValueError, when no year holds it."""
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None


def _moment_text(sent: object) -> object:
    """Numbers and dates are refused: a guess at what they mean would be wrong for some."""
    if isinstance(sent, datetime) or (isinstance(sent, str) and re.fullmatch(MOMENT_PATTERN, sent, re.ASCII)):
        return sent
    raise PydanticCustomError("moment_type", "A time is written with its day and zone, as 2026-01-31T09:00:00Z")


def _day_text(sent: object) -> object:
    if isinstance(sent, date) or (isinstance(sent, str) and re.fullmatch(DAY_PATTERN, sent, re.ASCII)):
        return sent
    raise PydanticCustomError("day_type", "A day is written as 2026-01-31; the first is 2000-01-01")


Moment = Annotated[
    datetime,
    BeforeValidator(_moment_text),
    AfterValidator(in_utc),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": MOMENT_PATTERN}, mode="validation"),
]
"""A time in a request: RFC 3339, of the years 1000 to 2999."""

Day = Annotated[
    date,
    BeforeValidator(_day_text),
    WithJsonSchema({"type": "string", "format": "date", "pattern": DAY_PATTERN}, mode="validation"),
]
"""A day in a request, of the years 2000 to 2999."""
