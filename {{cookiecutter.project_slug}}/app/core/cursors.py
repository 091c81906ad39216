"""The last item of a page, by its time and its id, as the text that callers send to get the next page."""

import base64
from datetime import datetime
from uuid import UUID


def cursor_text(at: datetime, last: UUID) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{last}".encode()).decode().rstrip("=")


def parse_cursor(text: str) -> tuple[datetime, UUID]:
    """Errors: ValueError."""
    at, _, last = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("|")
    return datetime.fromisoformat(at), UUID(last)
