"""The indexes: the live one, those that releases pin, and changes of their status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, notify
from app.releases.domain import INDEX_SWITCHED as CHANNEL
from app.releases.domain import IndexPin
from app.releases.service import releases_on
from app.retrieval.domain import (
    Fingerprint,
    IndexBehind,
    IndexNotFound,
    IndexNotReady,
    IndexRow,
    NoLiveIndex,
    TextSearchNotFound,
)
from app.retrieval.ports import Embedder
from app.retrieval.repository import index_catalogue

SERVICE_ACTOR = "app"
"""The actor in the audit log when no person changes an index: at the first start, or when a release goes live."""


@dataclass
class KnownIndexes:
    """The indexes as this process last read them. A request keeps the index it started with."""

    rows: tuple[IndexRow, ...] = ()

    @property
    def live(self) -> IndexRow | None:
        return next((index for index in self.rows if index.status == "live"), None)


@dataclass(frozen=True)
class IndexRegistry:
    """Reads and changes the indexes. first: the fingerprint of the index that is created when there is none."""

    database: Database
    clock: Clock
    embedders: Mapping[str, Embedder]
    first: Fingerprint
    known: KnownIndexes = field(default_factory=KnownIndexes)

    async def live(self) -> IndexRow:
        """The live index; creates the first one when there is none. Errors: DatabaseUnavailable."""
        if self.known.live is None:
            await self.reload()
        if self.known.live is None:
            await self._create_first()
        if self.known.live is None:
            raise NoLiveIndex()
        return self.known.live

    async def reload(self) -> None:
        """Reads the rows of all indexes into this process."""
        async with self.database.read(None) as connection:
            self.known.rows = tuple(await index_catalogue.all_indexes(connection))

    async def _create_first(self) -> None:
        async with self.database.transaction(None) as connection:
            if not any(index.status == "live" for index in await index_catalogue.lock_indexes(connection)):
                await check_text_search(connection, self.first)
                index = await index_catalogue.add_index(connection, self.first, "live", self.clock.now())
                await index_catalogue.add_switch(connection, None, index.number, self.clock.now())
                await self.announce(connection, index.number)
                await self.record(connection, SERVICE_ACTOR, "index.create", index, None, "live")
        await self.reload()

    async def tenants(self) -> list[UUID]:
        """Every tenant that has ever published a document."""
        async with self.database.read(None) as connection:
            return await index_catalogue.tenants(connection)

    def by_number(self, number: int) -> IndexRow:
        """Of those that this process knows. Errors: IndexNotFound."""
        return find_index(self.known.rows, number)

    async def live_index(self) -> IndexPin:
        """The pin of the live index, for a release."""
        return _pin(await self.live())

    async def pin(self, number: int) -> IndexPin:
        """The pin of another index, for a release. Errors: IndexNotFound, IndexNotReady."""
        await self.reload()
        return _pin(_searchable(self.by_number(number)))

    async def for_release(self, pin: IndexPin) -> IndexRow:
        """The index that a release pins, if this process can search it.

        Errors: IndexNotFound, IndexNotReady, EmbedderMismatch, DatabaseUnavailable.
        """
        index = _searchable(await self.by_id(pin.id))
        index.check_embedder(self.embedders)
        return index

    async def by_id(self, index_id: UUID | None) -> IndexRow:
        """The index whatever its status, as a request keeps the one it began with.

        Errors: IndexNotFound, DatabaseUnavailable.
        """
        if all(index.id != index_id for index in self.known.rows):
            await self.reload()
        return _by_id(self.known.rows, index_id)

    async def enter(self, connection: AsyncConnection, index_id: UUID) -> None:
        """Make an index live in the caller's transaction; requests in flight keep the one they started with.

        Errors: IndexNotFound, IndexNotReady, IndexBehind.
        """
        rows = await index_catalogue.lock_indexes(connection)
        target = _searchable(_by_id(rows, index_id))
        if target.status != "live":
            await self.check_complete(connection, target)
            await self._switch(connection, rows, target)

    async def _switch(self, connection: AsyncConnection, rows: Sequence[IndexRow], target: IndexRow) -> None:
        live = next((index.number for index in rows if index.status == "live"), None)
        if live is not None:
            await index_catalogue.set_status(connection, live, "ready")
        await index_catalogue.set_status(connection, target.number, "live")
        await index_catalogue.add_switch(connection, live, target.number, self.clock.now())
        await self.announce(connection, target.number)
        await self.record(connection, SERVICE_ACTOR, "index.switch", target, target.status, "live")

    async def retire(self, number: int, actor: str = SERVICE_ACTOR) -> IndexRow:
        """Stop maintaining an index. Refused while an environment runs a release that searches it, has one as
        its canary, or would roll back to one. Errors: IndexNotFound, IndexNotReady.
        """
        async with self.database.transaction(None) as connection:
            index = find_index(await index_catalogue.lock_indexes(connection), number)
            if index.status == "live":
                raise IndexNotReady(f"Index {number} is live.", action="Activate a release with another index first.")
            if needed := await releases_on(connection, index.id):
                raise IndexNotReady(
                    f"Index {number} is searched by release {needed[-1]}.",
                    action="It can be retired when no environment runs that release or would roll back to it.",
                )
            await index_catalogue.set_status(connection, number, "retired")
            await self.announce(connection, number)
            await self.record(connection, actor, "index.retire", index, index.status, "retired")
        await self.reload()
        return self.by_number(number)

    async def check_complete(self, connection: AsyncConnection, index: IndexRow) -> None:
        """Errors: IndexBehind."""
        behind = 0
        for tenant_id in await index_catalogue.tenants(connection):
            behind += await index_catalogue.count_behind(connection, tenant_id, index.number)
        if behind:
            raise IndexBehind(
                f"Index {index.number} lacks {behind} documents.",
                action=f"Run 'app index build --resume {index.number}', then switch.",
            )

    async def announce(self, connection: AsyncConnection, number: int) -> None:
        """Notify every process to reload its indexes after the commit."""
        await notify(connection, CHANNEL, str(number))

    async def record(
        self, connection: AsyncConnection, actor: str, action: str, index: IndexRow, before: str | None, after: str
    ) -> None:
        """Adds the change to the audit log."""
        act = Act(actor, action, f"index {index.number}", before=before, after=after)
        await audit.record(connection, act, self.clock.now())


def make_index_registry(
    database: Database, clock: Clock, embedders: Sequence[Embedder], text_search: str
) -> IndexRegistry:
    """embedders: the first one for new indexes, others for indexes that were built with them."""
    first = Fingerprint(embedders[0].name, embedders[0].dimensions, text_search=text_search)
    return IndexRegistry(database, clock, {each.name: each for each in embedders}, first)


async def check_text_search(connection: AsyncConnection, fingerprint: Fingerprint) -> None:
    """Errors: TextSearchNotFound."""
    if not await index_catalogue.has_text_search(connection, fingerprint.text_search):
        raise TextSearchNotFound(f"There is no text-search configuration '{fingerprint.text_search}'.")


def find_index(rows: Sequence[IndexRow], number: int) -> IndexRow:
    """Errors: IndexNotFound."""
    for index in rows:
        if index.number == number:
            return index
    raise IndexNotFound(f"There is no index {number}.")


def _by_id(rows: Sequence[IndexRow], index_id: UUID | None) -> IndexRow:
    for index in rows:
        if index.id == index_id:
            return index
    raise IndexNotFound(
        f"There is no index {index_id} here.",
        action="'app release create --from R --index N' creates the same release with another index.",
    )


def _searchable(index: IndexRow) -> IndexRow:
    if index.status not in ("ready", "live"):
        raise IndexNotReady(
            f"Index {index.number} is {index.status}.",
            action=f"'app index build --resume {index.number}' brings it up to date.",
        )
    return index


def _pin(index: IndexRow) -> IndexPin:
    return IndexPin(id=index.id, embedder=index.fingerprint.embedder, chunker=index.fingerprint.chunker)
