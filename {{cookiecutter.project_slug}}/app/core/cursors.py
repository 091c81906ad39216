"""The last item of a page, by its time and its id, as the text that callers send to get the next page."""

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Final, Self
from uuid import UUID

from pydantic import Field

from app.core.errors import Problem

_CURSOR: Final = re.compile("[A-Za-z0-9_-]{32}")
"""Each text of this form is a cursor: of the 24 bytes that it encodes, 8 are a time and 16 an id."""

CursorText = Annotated[
    str,
    Field(
        max_length=200,
        description="`next` of the previous page.",
        json_schema_extra={"pattern": f"^({_CURSOR.pattern})?$"},
    ),
]
"""A cursor in a request; empty for the first page. `PageCursor.parse` refuses what is none."""

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _FIRST) // _MICROSECOND
_TIME_BYTES: Final = 8


@dataclass(frozen=True, slots=True, order=True)
class PageCursor:
    """Ties in time are ordered by id. at: with a time zone. unreadable: the problem of a text that is no cursor."""

    at: datetime
    id: UUID

    unreadable: ClassVar[type[Problem]]

    def text(self) -> str:
        microseconds = (self.at - _FIRST) // _MICROSECOND
        return base64.urlsafe_b64encode(microseconds.to_bytes(_TIME_BYTES) + self.id.bytes).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The time is in UTC; one that no year holds is the last of all. Errors: that of `unreadable`."""
        if not _CURSOR.fullmatch(text):
            raise cls.unreadable("The cursor cannot be read.")
        content = base64.urlsafe_b64decode(text)
        microseconds = min(int.from_bytes(content[:_TIME_BYTES]), _LAST)
        return cls(_FIRST + microseconds * _MICROSECOND, UUID(bytes=content[_TIME_BYTES:]))
