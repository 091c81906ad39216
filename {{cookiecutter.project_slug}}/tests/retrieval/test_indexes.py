"""An index is made beside the live one, proved, switched to and back; no request fails meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import pytest_asyncio

from app.core.clock import Deadline
from app.core.database import listen
from app.costs.domain import ModelPrice, PriceTable, Tier
from app.costs.domain.prices import FREE
from app.costs.service import Costs
from app.identity.domain import Principal
from app.releases.domain import INDEX_SWITCHED
from app.retrieval.domain import (
    EmbedderMismatch,
    EmbeddingFailed,
    Fingerprint,
    IndexBehind,
    IndexNotFound,
    IndexNotReady,
    PublishRequest,
    UnknownTextSearch,
    VerificationFailed,
)
from app.retrieval.ports import Embedder
from app.retrieval.repository.index_catalogue import counts
from app.retrieval.service import Retrieval, make_retrieval
from app.wiring import State
from tests.clock import until
from tests.retrieval.conftest import WordsEmbedder

NARROW = {"target": 20, "whole": 30, "small": 5}


def text_of(number: int) -> str:
    return " ".join(f"Sentence {part} of essay{number} tells about topic{number} and no other." for part in range(12))


class World:
    """A service of its own over the shared database: other tests keep their live index."""

    def __init__(self, state: State, *embedders: Embedder) -> None:
        self.state = state
        self.retrieval = self.process(*embedders)

    def process(self, *embedders: Embedder) -> Retrieval:
        costs = self.state.costs
        words = ModelPrice("minilm-words", "local", "local", (Tier(0, FREE),))
        priced = Costs(costs.policy, PriceTable([*costs.table.models, words]), costs.database, costs.clock)
        return make_retrieval(self.state.database, self.state.clock, priced, embedders, "english")


@pytest.fixture
def words() -> WordsEmbedder:
    return WordsEmbedder()


async def go_to(retrieval: Retrieval, number: int) -> None:
    """As the activation of a release does it."""
    pin = await retrieval.indexes.pin(number)
    assert pin.id
    async with retrieval.database.transaction(None) as connection:
        await retrieval.indexes.enter(connection, pin.id)
    await retrieval.indexes.reload()


@pytest_asyncio.fixture
async def home(state: State) -> AsyncIterator[int]:
    """The live index of the run, which is live again after the test."""
    number = (await state.retrieval.indexes.live()).number
    yield number
    await state.retrieval.indexes.reload()
    if state.retrieval.indexes.known.live and state.retrieval.indexes.known.live.number != number:
        await go_to(state.retrieval, number)
    for row, _, _ in await state.retrieval.list_indexes(None):
        if row.number != number and row.status != "retired":
            await state.retrieval.indexes.retire(row.number)
    await state.retrieval.indexes.reload()


@pytest_asyncio.fixture
async def caller(principal: Principal) -> Principal:
    return replace(principal, groups=frozenset())


async def put(retrieval: Retrieval, request: PublishRequest) -> int:
    prepared = await retrieval.prepare(request)
    async with retrieval.database.transaction(request.tenant_id) as connection:
        return await retrieval.publish(connection, prepared)


async def ask(retrieval: Retrieval, caller: Principal, query: str):
    return await retrieval.search(caller, query, deadline=Deadline.after(600, retrieval.clock))


def narrow(retrieval: Retrieval) -> Fingerprint:
    return replace(retrieval.indexes.first, chunker_params=NARROW)


def ignore(done: int, total: int) -> None: ...


async def test_an_index_built_beside_the_live_one_holds_every_document(state, home, retrieval, request_of, caller):
    for number in range(5):
        await put(retrieval, request_of(text_of(number)))
    steps: list[tuple[int, int]] = []

    built = await retrieval.index_builder.build(narrow(retrieval), lambda done, total: steps.append((done, total)))
    assert built.status == "ready"
    assert steps[-1][0] == steps[-1][1] >= 5
    assert (await ask(retrieval, caller, "topic3")).index_number == home

    await go_to(retrieval, built.number)
    found = await ask(retrieval, caller, "topic3")
    assert found.index_number == built.number
    assert len(found.passages) > 1, "the narrower chunker cuts finer"
    assert {p.text.count("topic3") > 0 for p in found.passages} == {True}


async def test_a_switch_back_is_to_an_index_that_is_still_current(state, home, retrieval, request_of, caller):
    first = request_of(text_of(1))
    await put(retrieval, first)
    built = await retrieval.index_builder.build(narrow(retrieval), ignore)
    await go_to(retrieval, built.number)
    await put(retrieval, request_of(text_of(2)))
    await put(retrieval, replace(first, text=text_of(3), document_version=2))

    await go_to(retrieval, home)
    assert len((await ask(retrieval, caller, "topic2")).passages) == 1
    assert len((await ask(retrieval, caller, "topic3")).passages) == 1
    assert (await ask(retrieval, caller, "topic1")).passages == ()


async def test_both_indexes_give_a_document_that_came_during_the_build(state, home, retrieval, request_of, caller):
    for number in range(4):
        await put(retrieval, request_of(text_of(number)))
    late = request_of(text_of(77))
    begun = asyncio.Event()

    def progress(done: int, total: int) -> None:
        begun.set()

    building = asyncio.create_task(retrieval.index_builder.build(narrow(retrieval), progress))
    await begun.wait()
    await put(retrieval, late)
    built = await building
    await go_to(retrieval, built.number)
    assert (await ask(retrieval, caller, "topic77")).passages[0].document_id == late.document_id


async def test_a_build_that_was_stopped_goes_on_where_it_was(state, home, retrieval, request_of, caller):
    for number in range(4):
        await put(retrieval, request_of(text_of(number)))

    def die(done: int, total: int) -> None:
        if done == 2:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        await retrieval.index_builder.build(narrow(retrieval), die)
    totals: list[int] = []
    built = await retrieval.index_builder.build(narrow(retrieval), lambda done, total: totals.append(total))
    async with state.database.read(caller.tenant_id) as connection:
        assert (await counts(connection, caller.tenant_id))[built.number][0] == 4
    numbers = [row.number for row, _, _ in await retrieval.list_indexes(None) if row.status == "building"]
    assert numbers == []


async def test_switching_under_load_fails_no_request(state, home, retrieval, request_of, caller):
    for number in range(3):
        await put(retrieval, request_of(text_of(number)))
    built = await retrieval.index_builder.build(narrow(retrieval), ignore)
    follower = World(state, *retrieval.embedders.values()).retrieval
    listening = asyncio.create_task(listen(state.database, INDEX_SWITCHED, follower.follow))
    seen: list[int] = []
    stop = asyncio.Event()

    async def load() -> None:
        while not stop.is_set():
            found = await ask(follower, caller, "topic1")
            assert found.passages
            seen.append(found.index_number)

    workers = [asyncio.create_task(load()) for _ in range(4)]
    for number in (built.number, home, built.number):
        enough = len(seen) + 20
        await until(lambda enough=enough: len(seen) >= enough)  # type: ignore[misc]
        await go_to(retrieval, number)
        # A process that did not switch follows.
        await until(lambda number=number: seen[-1] == number)  # type: ignore[misc]
    stop.set()
    await asyncio.gather(*workers)
    listening.cancel()
    assert {home, built.number} == set(seen)
    switches = sum(a != b for a, b in pairwise(seen))
    assert switches <= 3 + 2 * 3 * 4


async def test_an_index_that_lacks_documents_is_not_switched_to(state, home, retrieval, request_of, caller):
    await put(retrieval, request_of(text_of(1)))
    built = await retrieval.index_builder.build(narrow(retrieval), ignore)
    await retrieval.indexes.retire(built.number)
    late = request_of(text_of(2))
    await put(retrieval, late)
    with pytest.raises(IndexNotReady):
        await go_to(retrieval, built.number)
    again = await retrieval.index_builder.build(narrow(retrieval), ignore, resume=built.number)
    assert again.number == built.number
    await go_to(retrieval, built.number)
    assert (await ask(retrieval, caller, "topic2")).passages[0].document_id == late.document_id


async def test_a_resumed_index_forgets_what_was_replaced_while_it_was_retired(
    state, home, retrieval, request_of, caller
):
    request = request_of(text_of(1))
    await put(retrieval, request)
    built = await retrieval.index_builder.build(narrow(retrieval), ignore)
    await retrieval.indexes.retire(built.number)
    await put(retrieval, replace(request, text=text_of(2), document_version=2))
    await retrieval.index_builder.build(narrow(retrieval), ignore, resume=built.number)
    await go_to(retrieval, built.number)
    assert (await ask(retrieval, caller, "topic1")).passages == ()
    assert {p.version for p in (await ask(retrieval, caller, "topic2")).passages} == {2}


async def test_a_query_with_another_embedder_is_refused_with_the_way_out(state, home, caller, words):
    other = World(state, words).retrieval
    with pytest.raises(EmbedderMismatch) as refused:
        await ask(other, caller, "anything")
    assert "none" in refused.value.detail
    assert words.name in refused.value.detail
    assert "app index build" in (refused.value.what_to_do or "")
    with pytest.raises(EmbedderMismatch):
        await other.ready()


async def test_every_embedding_of_a_build_has_a_ledger_row(state, home, retrieval, request_of, caller, words):
    both = World(state, *retrieval.embedders.values(), words).retrieval
    await put(both, request_of(text_of(1)))
    await both.index_builder.build(
        replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions), ignore
    )
    totals = await both.costs.totals(caller.tenant_id)
    assert {t.key for t in totals.by_feature} == {"embedding_document"}
    assert totals.total.input_tokens > 0


async def test_a_service_goes_over_to_vectors_without_stopping(state, home, retrieval, request_of, caller, words):
    both = World(state, *retrieval.embedders.values(), words).retrieval
    for number in range(3):
        await put(both, request_of(text_of(number)))
    wanted = replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions)
    built = await both.index_builder.build(wanted, ignore)
    spent = (await both.costs.totals(caller.tenant_id)).by_feature
    assert {total.key: total.input_tokens > 0 for total in spent} == {"embedding_document": True}
    before = await ask(both, caller, "topic2")
    await go_to(both, built.number)
    after = await ask(both, caller, "topic2")
    assert (before.top_dense, after.index_number) == (None, built.number)
    assert after.passages[0].document_id == before.passages[0].document_id
    assert after.passages[0].dense is not None
    assert after.top_dense == max(p.dense for p in after.passages if p.dense is not None)
    assert after.usage is not None
    assert after.usage.tokens > 0
    assert (await ask(both, caller, "topic2")).usage.tokens == 0, "the vector of a question is remembered"


async def test_an_embedder_that_fails_costs_the_vectors_not_the_search(
    state, home, retrieval, request_of, caller, words
):
    both = World(state, *retrieval.embedders.values(), words).retrieval
    await put(both, request_of(text_of(1)))
    built = await both.index_builder.build(
        replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions), ignore
    )
    await go_to(both, built.number)
    words.broken = EmbeddingFailed("down")
    found = await ask(both, caller, "topic1 please")
    assert found.passages
    assert (found.degraded, found.top_dense) == ("embedding_failed", None)


async def test_bad_vectors_leave_the_index_as_it_was(state, home, retrieval, request_of, caller, words):
    both = World(state, *retrieval.embedders.values(), words).retrieval
    await put(both, request_of(text_of(1)))
    built = await both.index_builder.build(
        replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions), ignore
    )
    await go_to(both, built.number)
    words.dimensions = 32
    words_name = built.fingerprint.embedder
    both.embedders[words_name].dimensions = 32  # type: ignore[index,misc]
    with pytest.raises(EmbeddingFailed):
        await put(both, request_of(text_of(2)))
    words.dimensions = 64
    assert (await ask(both, caller, "topic2")).corpus_version == 1


async def test_an_index_that_does_not_find_its_own_chunks_is_never_ready(
    state, home, retrieval, request_of, caller, monkeypatch
):
    await put(retrieval, request_of(text_of(1)))

    async def nothing(*_: object) -> bool:
        return False

    monkeypatch.setattr(type(retrieval.index_builder), "_is_found", nothing)
    with pytest.raises(VerificationFailed):
        await retrieval.index_builder.build(narrow(retrieval), ignore)
    assert [row.status for row, _, _ in await retrieval.list_indexes(None) if row.status == "ready"] == []
    assert (await ask(retrieval, caller, "topic1")).index_number == home


async def test_what_cannot_be_switched_to_is_refused(state, home, retrieval):
    with pytest.raises(IndexNotFound):
        await retrieval.indexes.pin(999_999)
    with pytest.raises(IndexNotReady):
        await retrieval.indexes.retire(home)
    with pytest.raises(UnknownTextSearch):
        await retrieval.index_builder.build(replace(retrieval.indexes.first, text_search="klingon"), ignore)


async def ended_or_waits(retrieval: Retrieval, other: asyncio.Task[object]) -> bool:
    """Whether a task is through, or something stands still behind a lock of the database."""
    query = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return other.done() or bool(await retrieval.database.ask(query, []))


@asynccontextmanager
async def in_flight(retrieval: Retrieval, request: PublishRequest) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """A publish that is written and not committed. What is given waits for it as long as somebody looks."""
    prepared = await retrieval.prepare(request)

    async def watch(other: asyncio.Task[object]) -> None:
        await until(partial(ended_or_waits, retrieval, other))

    async with retrieval.database.transaction(request.tenant_id) as connection:
        await retrieval.publish(connection, prepared)
        yield watch


async def test_a_switch_sees_a_publish_that_was_under_way(state, home, retrieval, request_of, caller, words):
    """The publishing process does not hold the new embedder, so its document goes into the old index alone."""
    both = World(state, *retrieval.embedders.values(), words).retrieval
    await put(both, request_of(text_of(1)))
    vectors = replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions)
    built = await both.index_builder.build(vectors, ignore)
    await retrieval.indexes.reload()
    async with in_flight(retrieval, request_of(text_of(2))) as watch:
        switching = asyncio.create_task(go_to(both, built.number))
        await watch(switching)
    with pytest.raises(IndexBehind):
        await switching
    assert len((await ask(both, caller, "topic2")).passages) == 1


async def test_an_index_begun_during_a_publish_has_its_document(state, home, retrieval, request_of, caller):
    """The publish read the list of indexes before this one was on it."""

    async def build_and_switch() -> None:
        built = await retrieval.index_builder.build(narrow(retrieval), ignore)
        await go_to(retrieval, built.number)

    late = request_of(text_of(2))
    async with in_flight(retrieval, late) as watch:
        changing = asyncio.create_task(build_and_switch())
        await watch(changing)
    await changing
    found = await ask(retrieval, caller, "topic2")
    assert found.index_number != home
    assert {passage.document_id for passage in found.passages} == {late.document_id}
