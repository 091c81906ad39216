from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.releases.domain import IndexPin, Release


class Indexes(Protocol):
    async def live_index(self) -> IndexPin:
        """The index that searches use now, with embedder and chunker; the first one is made when there is none."""
        ...

    async def pin(self, number: int) -> IndexPin:
        """What a release pins of an index. Errors: IndexNotFound, IndexNotReady."""
        ...

    async def enter(self, connection: AsyncConnection, index_id: UUID) -> None:
        """Makes an index the live one in the caller's transaction; nothing happens when it is so already.

        Errors: IndexNotFound, IndexNotReady, IndexBehind when it lacks documents.
        """
        ...


class ReleaseCache(Protocol):
    async def preload(self, release: Release) -> None:
        """Holds in memory all that answering on this release needs; harmless to repeat. Errors: ReleaseUnservable."""
        ...

    def retain(self, release_ids: set[str]) -> None:
        """Lets go of all other releases. Answers in flight keep what they began with."""
        ...


class ApprovalGate(Protocol):
    """What governance has to say before anything goes live."""

    async def check(
        self,
        connection: AsyncConnection,
        release: Release,
        environment: str,
        *,
        actor: str,
        reason: str,
        at: datetime,
        break_glass: bool = False,
    ) -> None:
        """Returns when the release may go live there now. With `break_glass` it may, and the exception is written down
        for review in the caller's transaction. Errors: NotApproved.
        """
        ...

    async def first_release(self, connection: AsyncConnection, release: Release, at: datetime) -> None:
        """Writes down that the first release on a laptop approved itself."""
        ...
