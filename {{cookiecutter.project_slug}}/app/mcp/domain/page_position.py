"""Where the next page of a result begins, as the text that a client sends back."""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from app.mcp.domain.tools import ToolArgumentsInvalid


@dataclass(frozen=True, slots=True)
class SearchPosition:
    """How many passages of a search were shown, and the version of the documents that they are of."""

    shown: int
    corpus_version: int

    def text(self, query: str) -> str:
        plain = f"{self.shown}.{self.corpus_version}.{_digest(query)}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str, query: str, max_shown: int) -> "SearchPosition":
        """Errors: ToolArgumentsInvalid, for a cursor of another query too."""
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode("ascii")
            shown, version, digest = plain.split(".")
            position = cls(int(shown), int(version))
        except (ValueError, binascii.Error) as error:
            raise ToolArgumentsInvalid("The cursor is not one that this tool gave.") from error
        if digest != _digest(query) or not 0 < position.shown < max_shown or not 0 <= position.corpus_version < 2**31:
            raise ToolArgumentsInvalid("The cursor belongs to another query; repeat the query it was given for.")
        return position


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:16]
