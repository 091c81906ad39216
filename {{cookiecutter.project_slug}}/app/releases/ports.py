from typing import Protocol

from app.releases.domain import IndexPin


class LiveIndex(Protocol):
    async def live_index(self) -> IndexPin:
        """The index that searches use now, with embedder and chunker; an empty pin while there is none."""
        ...
