from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.releases.domain import IndexPin, Promotion, Release


class Indexes(Protocol):
    async def live_index(self) -> IndexPin:
        """The live index, with embedder and chunker; creates the first one when there is none."""
        ...

    async def pin(self, number: int) -> IndexPin:
        """The pin of an index for a manifest. Errors: IndexNotFound, IndexNotReady."""
        ...

    async def enter(self, connection: AsyncConnection, index_id: UUID) -> None:
        """Makes an index the live one in the caller's transaction. Idempotent.

        Errors: IndexNotFound, IndexNotReady, IndexBehind when it lacks documents.
        """
        ...


class ReleaseCache(Protocol):
    async def preload(self, release: Release) -> None:
        """Loads everything that answering on this release needs into memory. Idempotent. Errors: ReleaseUnservable."""
        ...

    def retain(self, release_ids: set[str]) -> None:
        """Unloads all other releases. Answers in progress keep theirs."""
        ...


class ApprovalGate(Protocol):
    """The approval check before a release goes live."""

    async def check(self, connection: AsyncConnection, promotion: Promotion) -> None:
        """Checks that the release may go live there now. With `break_glass` it may without approval; the exception is
        recorded for review in the caller's transaction. Errors: NotApproved.
        """
        ...

    async def first_release(self, connection: AsyncConnection, release: Release, at: datetime) -> None:
        """Records that the first release on a laptop approved itself."""
        ...
