"""The last item of a page, by its time and its id, as the text that callers send to get the next page."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from app.core.errors import Problem


@dataclass(frozen=True, slots=True, order=True)
class PageCursor:
    """Ties in time are ordered by id. unreadable: the problem of a text that is no cursor."""

    at: datetime
    id: UUID

    unreadable: ClassVar[type[Problem]]

    def text(self) -> str:
        return base64.urlsafe_b64encode(f"{self.at.isoformat()}|{self.id}".encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Errors: that of `unreadable`."""
        try:
            at, _, last = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("|")
            cursor = cls(datetime.fromisoformat(at), UUID(last))
            if cursor.at.tzinfo is None:
                raise ValueError("The moment has no offset.")
        except ValueError as error:
            raise cls.unreadable("The cursor cannot be read.") from error
        return cursor
