"""Making an index beside the live one, making sure of it, going over to it and back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, notify
from app.costs.domain import Usage
from app.costs.service import Costs
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
    SearchParams,
    UnknownTextSearch,
    VerificationFailed,
)
from app.retrieval.domain.chunking import Chunk
from app.retrieval.domain.documents import indexed_text
from app.retrieval.ports import Embedder
from app.retrieval.repository import corpus, hnsw, index_catalogue, search_queries
from app.retrieval.service.passage_embedding import PassageEmbeddings
from app.retrieval.service.query_embedding import prepare_for

log = structlog.get_logger(__name__)

SAMPLE_SIZE = 20
SERVICE = "app"
"""Who acts when nobody asked for it, or a release did that went live."""
MIN_FOUND_SHARE = 0.9

Progress = Callable[[int, int], None]


@dataclass
class KnownIndexes:
    """What this process knows of the indexes; replaced whole, so that a request keeps what it began with."""

    rows: tuple[IndexRow, ...] = ()

    @property
    def live(self) -> IndexRow | None:
        return next((index for index in self.rows if index.status == "live"), None)


@dataclass(frozen=True)
class Indexes:
    database: Database
    clock: Clock
    embedders: Mapping[str, Embedder]
    first: Fingerprint
    params: SearchParams
    costs: Costs
    held: KnownIndexes = field(default_factory=KnownIndexes)

    @property
    def passages(self) -> PassageEmbeddings:
        return PassageEmbeddings(self.embedders, self.costs)

    async def live(self) -> IndexRow:
        """The index that searches use now; the first one is made when there is none. Errors: DatabaseUnavailable."""
        if self.held.live is None:
            await self.reload()
        if self.held.live is None:
            await self._make_first()
        if self.held.live is None:
            raise NoLiveIndex()
        return self.held.live

    async def reload(self) -> None:
        async with self.database.read(None) as connection:
            self.held.rows = tuple(await index_catalogue.all_indexes(connection))

    async def _make_first(self) -> None:
        async with self.database.transaction(None) as connection:
            if not any(index.status == "live" for index in await index_catalogue.lock_indexes(connection)):
                await self._check_text_search(connection, self.first)
                made = await index_catalogue.add_index(connection, self.first, "live", self.clock.now())
                await index_catalogue.add_switch(connection, None, made.number, self.clock.now())
                await notify(connection, CHANNEL, str(made.number))
                await self._record(connection, SERVICE, "index.create", made, None, "live")
        await self.reload()

    async def _check_text_search(self, connection: AsyncConnection, fingerprint: Fingerprint) -> None:
        if not await index_catalogue.has_text_search(connection, fingerprint.text_search):
            raise UnknownTextSearch(f"There is no text-search configuration '{fingerprint.text_search}'.")

    async def build(
        self, fingerprint: Fingerprint, progress: Progress, resume: int | None = None, actor: str = SERVICE
    ) -> IndexRow:
        """Fills a new index from the stored documents, or goes on with one that was begun with the same fingerprint.

        resume: bring this index up to date instead. progress(done, all) after each document. Returns it ready.
        Errors: VerificationFailed, EmbeddingFailed, EmbedderMismatch; the live index is not touched.
        """
        index = await (self._begin(fingerprint) if resume is None else self._begin_again(resume))
        index.check_embedder(self.embedders)
        done, before = 0, None
        # Documents may come while the others are added: again, until a round finds none that is new.
        while (todo := await self._behind(index)) and todo != before:
            total, before = done + len(todo), todo
            for tenant_id, document_id in todo:
                await self._add(index, tenant_id, document_id)
                done += 1
                progress(done, total)
        await self._verify(index)
        async with self.database.transaction(None) as connection:
            await index_catalogue.lock_indexes(connection)
            await self._check_complete(connection, index)
            await index_catalogue.set_ready(connection, index.number, self.clock.now())
            await notify(connection, CHANNEL, str(index.number))
            await self._record(connection, actor, "index.build", index, index.status, "ready")
        await self.reload()
        return self.by_number(index.number)

    async def _begin(self, fingerprint: Fingerprint) -> IndexRow:
        async with self.database.transaction(None) as connection:
            rows = await index_catalogue.lock_indexes(connection)
            begun = [i for i in rows if i.status == "building" and i.fingerprint == fingerprint]
            await self._check_text_search(connection, fingerprint)
            index = begun[-1] if begun else None
            if index is None:
                index = await index_catalogue.add_index(connection, fingerprint, "building", self.clock.now())
            await notify(connection, CHANNEL, str(index.number))
        return index

    async def _begin_again(self, number: int) -> IndexRow:
        async with self.database.transaction(None) as connection:
            index = _find(await index_catalogue.lock_indexes(connection), number)
            if index.status == "live":
                raise IndexNotReady(f"Index {number} is live.", action="It is kept up to date by every publish.")
            await index_catalogue.set_status(connection, number, "building")
            await notify(connection, CHANNEL, str(number))
        return index

    async def _behind(self, index: IndexRow) -> list[tuple[UUID, UUID]]:
        found = []
        for tenant_id in await self.tenants():
            async with self.database.read(tenant_id) as connection:
                found += [
                    (tenant_id, each) for each in await index_catalogue.behind(connection, tenant_id, index.number)
                ]
        return found

    async def tenants(self) -> list[UUID]:
        async with self.database.read(None) as connection:
            return await index_catalogue.tenants(connection)

    async def _add(self, index: IndexRow, tenant_id: UUID, document_id: UUID) -> None:
        """One document into the new index, unless it has changed since it was read: then a publish has done it."""
        async with self.database.read(tenant_id) as connection:
            request = await index_catalogue.load_document(connection, tenant_id, document_id)
        if request is None:
            return
        chunks, uncharged = await prepare_for(index, request, self.passages)
        async with self.database.transaction(tenant_id) as connection:
            await self._charge(connection, tenant_id, index, uncharged, document_id)
            version = await corpus.lock_corpus(connection, tenant_id)
            stored = await corpus.stored_document(connection, tenant_id, document_id)
            unchanged = stored and not stored.withdrawn and stored.version == request.document_version
            if not unchanged or await index_catalogue.holds(connection, index.number, request):
                return
            removed = await corpus.remove_chunks(connection, tenant_id, document_id, version, index.number)
            current = replace(request, access_groups=stored.access_groups)
            await corpus.add_chunks(connection, index, current, chunks, version)
            changes = [(stored.access_groups, len(chunks) - removed)]
            await corpus.count(connection, tenant_id, document_id, index.number, version, changes)

    async def _charge(
        self, connection: AsyncConnection, tenant_id: UUID, index: IndexRow, tokens: int | None, subject_id: UUID
    ) -> None:
        """What was embedded is charged even when nothing comes of it. None: it has been, or there was nothing."""
        if tokens is not None:
            model = self.embedders[index.fingerprint.embedder].model
            await self.costs.charge(
                connection, tenant_id, "embedding_document", model, Usage(tokens), subject_id=subject_id
            )

    async def _verify(self, index: IndexRow) -> None:
        """Chunks of the new index must find themselves by their own text."""
        asked = found = 0
        for tenant_id in await self.tenants():
            async with self.database.read(tenant_id) as connection:
                sample = await index_catalogue.sample(connection, tenant_id, index.number, SAMPLE_SIZE)
            for row in sample:
                asked += 1
                found += await self._finds(index, tenant_id, row.id, Chunk(0, row.text, tuple(row.headings), 0, 0))
        if found < MIN_FOUND_SHARE * asked:
            raise VerificationFailed(f"Index {index.number} found {found} of {asked} chunks by their own text.")

    async def _finds(self, index: IndexRow, tenant_id: UUID, wanted: UUID, chunk: Chunk) -> bool:
        text, vector = indexed_text(chunk), None
        if index.dense:
            embedded, charged = await self.passages.embed(index.fingerprint.embedder, [text], tenant_id, wanted)
            vector = embedded.vectors[0]
            async with self.database.transaction(tenant_id) as connection:
                await self._charge(connection, tenant_id, index, None if charged else embedded.tokens, wanted)
        async with self.database.read(tenant_id) as connection:
            groups = await index_catalogue.groups_of(connection, wanted)
        question = search_queries.SearchQuery(tenant_id, index, text, vector, groups, 10, self.params)
        found = await search_queries.search(self.database, question)
        return any(passage.chunk_id == wanted or passage.text == chunk.text for passage in found.passages)

    async def _check_complete(self, connection: AsyncConnection, index: IndexRow) -> None:
        behind = 0
        for tenant_id in await index_catalogue.tenants(connection):
            await connection.execute(sql("select set_config('app.tenant_id', :t, true)"), {"t": str(tenant_id)})
            behind += len(await index_catalogue.behind(connection, tenant_id, index.number))
        if behind:
            raise IndexBehind(
                f"Index {index.number} lacks {behind} documents.",
                action=f"Run 'app index build --resume {index.number}', then switch.",
            )

    async def live_index(self) -> IndexPin:
        """What a release pins of the live index."""
        return _pin(await self.live())

    async def pin(self, number: int) -> IndexPin:
        """What a release pins of another index. Errors: IndexNotFound, IndexNotReady."""
        await self.reload()
        return _pin(_servable(self.by_number(number)))

    async def for_release(self, pin: IndexPin) -> IndexRow:
        """The index that a release pins, if this process can search it.

        Errors: IndexNotFound, IndexNotReady, EmbedderMismatch, DatabaseUnavailable.
        """
        if all(index.id != pin.id for index in self.held.rows):
            await self.reload()
        index = _servable(_by_id(self.held.rows, pin.id))
        index.check_embedder(self.embedders)
        return index

    async def enter(self, connection: AsyncConnection, index_id: UUID) -> None:
        """Makes an index the live one in the caller's transaction; those under way end on the one they began with.

        Errors: IndexNotFound, IndexNotReady, IndexBehind.
        """
        rows = await index_catalogue.lock_indexes(connection)
        target = _servable(_by_id(rows, index_id))
        if target.status != "live":
            await self._check_complete(connection, target)
            await self._move(connection, rows, target)

    async def _move(self, connection: AsyncConnection, rows: Sequence[IndexRow], target: IndexRow) -> None:
        live = next((index.number for index in rows if index.status == "live"), None)
        if live is not None:
            await index_catalogue.set_status(connection, live, "ready")
        await index_catalogue.set_status(connection, target.number, "live")
        await index_catalogue.add_switch(connection, live, target.number, self.clock.now())
        await notify(connection, CHANNEL, str(target.number))
        await self._record(connection, SERVICE, "index.switch", target, target.status, "live")

    async def _record(
        self, connection: AsyncConnection, actor: str, action: str, index: IndexRow, before: str | None, after: str
    ) -> None:
        act = Act(actor, action, f"index {index.number}", before=before, after=after)
        await audit.record(connection, act, self.clock.now())

    async def retire(self, number: int, actor: str = SERVICE) -> IndexRow:
        """Publishes no longer go to this index; it can be dropped. An index that a release needs which is live, tried,
        or would be gone back to is kept. Errors: IndexNotFound, IndexNotReady.
        """
        async with self.database.transaction(None) as connection:
            index = _find(await index_catalogue.lock_indexes(connection), number)
            if index.status == "live":
                raise IndexNotReady(
                    f"Index {number} is live.", action="Let a release with another index go live first."
                )
            if needed := await releases_on(connection, index.id):
                raise IndexNotReady(
                    f"Index {number} is what release {needed[-1]} answers from.",
                    action="It can be retired once no environment points to that release or would go back to it.",
                )
            await index_catalogue.set_status(connection, number, "retired")
            await notify(connection, CHANNEL, str(number))
            await self._record(connection, actor, "index.retire", index, index.status, "retired")
        await self.reload()
        return self.by_number(number)

    async def optimise(self, owner_url: str, progress: Progress, above: int | None = None) -> list[tuple[UUID, int]]:
        """Makes approximate vector indexes for tenants with more than `above` chunks in the live index (None: where
        searching all of them is no longer fast), as the owner of the tables. Returns those it made, with their size.
        """
        live, made = await self.live(), []
        if not live.dense:
            return []
        async with hnsw.owner(owner_url) as connection:
            limit = self.params.exact_vectors if above is None else above
            large = await hnsw.large_tenants(connection, live.number, limit)
            for done, (tenant_id, size) in enumerate(large, 1):
                if await hnsw.make_graph(connection, live.number, live.fingerprint.dimensions, tenant_id):
                    made.append((tenant_id, size))
                progress(done, len(large))
        return made

    def by_number(self, number: int) -> IndexRow:
        return _find(self.held.rows, number)


def _find(rows: Sequence[IndexRow], number: int) -> IndexRow:
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
        action="'app release create --from R --index N' makes the same release with an index there is.",
    )


def _servable(index: IndexRow) -> IndexRow:
    if index.status not in ("ready", "live"):
        raise IndexNotReady(
            f"Index {index.number} is {index.status}.",
            action=f"'app index build --resume {index.number}' brings it up to date.",
        )
    return index


def _pin(index: IndexRow) -> IndexPin:
    return IndexPin(id=index.id, embedder=index.fingerprint.embedder, chunker=index.fingerprint.chunker)
