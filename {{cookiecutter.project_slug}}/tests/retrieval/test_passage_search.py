"""One contract for the search, whether it is in this process or in one of its own."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
import pytest_asyncio

from app.adapters.rooms.retrieval import RemoteSearch
from app.core.clock import Deadline
from app.core.embedded import Urls
from app.identity.domain import Principal
from app.retrieval.domain import EmbedderMismatch, EmbeddingFailed, Evidence, IndexNotFound, SearchParams
from app.retrieval.ports import PassageSearch
from app.retrieval.service.retrieval import Retrieval
from app.settings import Settings
from app.wiring import State
from tests.conftest import database_urls, state
from tests.retrieval.conftest import WordsEmbedder
from tests.retrieval.rooms import remote, room_served
from tests.retrieval.test_indexes import SeparateService, ignore, narrow, put, switch_to

GROUPS = ("geo", "staff", "kitchen")
RIVER = "The river Tarn rises on Mont Lozère and is dammed near Pinet."
BRIDGE = "The viaduct of Millau carries a motorway over the river Tarn."
__all__ = ["database_urls", "state"]

FOREVER = 600.0


class Searcher:
    """The search under test. own: what searches in the end; words: its embedder; caller: of a tenant of its own."""

    def __init__(self, search: PassageSearch, own: Retrieval, words: WordsEmbedder, caller: Principal) -> None:
        self.search, self.own, self.words, self.caller = search, own, words, caller

    async def find(self, query: str, *groups: str, **options: object) -> Evidence:
        caller = options.pop("caller", replace(self.caller, groups=frozenset(groups)))
        options.setdefault("deadline", Deadline.after(FOREVER, self.own.clock))
        return await self.search.search(caller, query, **options)  # type: ignore[arg-type]


@asynccontextmanager
async def opened(way: str, urls: Urls, settings: Settings, own: Retrieval) -> AsyncIterator[PassageSearch]:
    if way == "in this process":
        yield own
        return
    async with room_served(settings, urls, own) as (_, address), remote(settings, address) as search:
        yield search


@pytest_asyncio.fixture(params=["in this process", "in another process"])
async def searcher(
    request: pytest.FixtureRequest, state: State, database_urls: Urls, settings: Settings, principal: Principal
) -> AsyncIterator[Searcher]:
    words = WordsEmbedder()
    own = SeparateService(state, words).retrieval
    await own.indexes.live()
    async with opened(request.param, database_urls, settings, own) as search:
        yield Searcher(search, own, words, replace(principal, groups=frozenset()))


async def test_every_search_finds_the_same_as_the_service_itself(searcher: Searcher, request_of) -> None:
    """Any query, any groups, any limit, any past: what comes back is equal, to the last digit of each score."""
    chance, nouns = random.Random(7), ["tarn", "river", "viaduct", "bread", "lamp", "“quote”", "\0nul", "🌊"]
    for number in range(12):
        sentence = " ".join(chance.choices(nouns, k=9)) + f" number {number}."
        groups = chance.sample(GROUPS, chance.choice([0, 0, 1, 2]))
        await put(searcher.own, request_of(sentence, access_groups=groups, flags=["override"] * (number % 2)))
    found = 0
    for _ in range(40):
        options = {
            "limit": chance.choice([1, 3, 50]),
            "corpus_version": chance.choice([None, None, 0, 4, 9]),
            "params": chance.choice([None, SearchParams(dense_weight=0.1, budget=3)]),
        }
        query, groups = " ".join(chance.choices(nouns, k=3)), chance.sample(GROUPS, chance.choice([0, 1, 3]))
        evidence = await searcher.find(query, *groups, **options)
        caller = replace(searcher.caller, groups=frozenset(groups))
        deadline = Deadline.after(FOREVER, searcher.own.clock)
        expected = await searcher.own.search(caller, query, deadline=deadline, **options)
        # The second search has the vector from the cache, which costs no tokens.
        assert replace(evidence, timings={}, usage=None) == replace(expected, timings={}, usage=None)
        assert evidence.usage
        assert expected.usage
        assert (evidence.usage.model, evidence.usage.hold) == (expected.usage.model, None)
        assert set(evidence.timings) == {"embed", "search"}
        found += len(evidence.passages)
    assert found > 40


async def test_a_closed_document_is_found_by_its_groups_alone(searcher: Searcher, request_of) -> None:
    closed = request_of(RIVER, access_groups=["geo"])
    await put(searcher.own, closed)
    await put(searcher.own, request_of(BRIDGE))
    assert len((await searcher.find("Tarn")).passages) == 1
    assert len((await searcher.find("Tarn", "kitchen")).passages) == 1
    assert len((await searcher.find("Tarn", "geo", "kitchen")).passages) == 2
    version = (await searcher.find("Tarn")).corpus_version
    async with searcher.own.database.transaction(closed.tenant_id) as connection:
        await searcher.own.set_access(connection, closed.tenant_id, closed.document_id, ["staff"])
    assert len((await searcher.find("Tarn", "geo")).passages) == 1
    assert len((await searcher.find("Tarn", "geo", corpus_version=version)).passages) == 1


async def test_another_tenant_finds_nothing(searcher: Searcher, request_of) -> None:
    await put(searcher.own, request_of(RIVER))
    stranger = replace(searcher.caller, tenant_id=uuid4(), groups=frozenset(GROUPS))
    evidence = await searcher.find("Tarn", caller=stranger)
    assert (evidence.passages, evidence.corpus_version) == ((), 0)


async def test_an_erased_document_is_in_no_past_either(searcher: Searcher, request_of) -> None:
    request = request_of(RIVER)
    version = await put(searcher.own, request)
    assert (await searcher.find("Tarn", corpus_version=version)).passages
    async with searcher.own.database.transaction(request.tenant_id) as connection:
        await searcher.own.withdraw(connection, request.tenant_id, request.document_id)
    assert (await searcher.find("Tarn")).passages == ()
    assert (await searcher.find("Tarn", corpus_version=version)).passages == ()


async def test_a_request_keeps_the_index_that_it_names_after_a_switch(searcher: Searcher, request_of) -> None:
    await put(searcher.own, request_of(" ".join(f"Sentence {n} is about essays and no other." for n in range(12))))
    before = await searcher.own.indexes.live()
    built = await searcher.own.index_builder.build(narrow(searcher.own), ignore)
    await switch_to(searcher.own, built.number)
    try:
        kept = await searcher.find("essays", index=before)
        assert (kept.index_id, kept.index_number) == (before.id, before.number)
        new = await searcher.find("essays")
        assert (new.index_id, new.index_number) == (built.id, built.number)
        assert len(new.passages) > len(kept.passages)
    finally:
        await switch_to(searcher.own, before.number)
        await searcher.own.indexes.retire(built.number)


async def test_problems_are_the_same_exceptions(searcher: Searcher, request_of) -> None:
    index = await searcher.own.indexes.live()
    if isinstance(searcher.search, RemoteSearch):  # here the caller would have to have a row that does not exist
        with pytest.raises(IndexNotFound):
            await searcher.find("Tarn", index=replace(index, id=uuid4()))
    searcher.own.embedders.clear()  # type: ignore[attr-defined]
    with pytest.raises(EmbedderMismatch, match=f"Index {index.number} was built with") as raised:
        await searcher.find("Tarn")
    assert raised.value.what_to_do
    assert "APP_EMBEDDER" in raised.value.what_to_do


async def test_without_a_vector_the_search_goes_on_by_words(searcher: Searcher, request_of) -> None:
    await put(searcher.own, request_of(RIVER))
    searcher.words.broken = EmbeddingFailed("The provider is away.", reason="unreachable")
    evidence = await searcher.find("Where does the Tarn rise?")
    assert (len(evidence.passages), evidence.degraded, evidence.passages[0].dense) == (1, "embedding_failed", None)


async def test_a_cancelled_call_ends_the_search(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> None:
        started.set()
        try:
            await asyncio.sleep(FOREVER)
        finally:
            ended.set()

    monkeypatch.setattr(WordsEmbedder, "embed_query", slow)
    asking = asyncio.ensure_future(searcher.find("Where does the Tarn rise?"))
    await started.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await ended.wait()
    assert asking.cancelled()
