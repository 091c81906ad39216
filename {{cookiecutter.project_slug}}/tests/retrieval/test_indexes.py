"""An index is built beside the live one, verified, and switched to and back, without failing requests."""

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
    TextSearchNotFound,
    VerificationFailed,
)
from app.retrieval.ports import Embedder
from app.retrieval.repository.index_catalogue import counts
from app.retrieval.service.retrieval import Retrieval, make_retrieval
from app.wiring import State
from tests.clock import until
from tests.retrieval.conftest import WordsEmbedder
from tests.samples import total

NARROW = {"target": 20, "whole": 30, "small": 5}


def text_of(number: int) -> str:
    return " ".join(f"Sentence {part} of essay{number} tells about topic{number} and no other." for part in range(12))


class SeparateService:
    """A separate service on the shared database, so that other tests keep their live index."""

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


async def switch_to(retrieval: Retrieval, number: int) -> None:
    """Switch the live index, as the activation of a release does."""
    pin = await retrieval.indexes.pin(number)
    assert pin.id
    async with retrieval.database.transaction(None) as connection:
        await retrieval.indexes.enter(connection, pin.id)
    await retrieval.indexes.reload()


@pytest_asyncio.fixture
async def live_index(state: State) -> AsyncIterator[int]:
    """The live index of the run, which is live again after the test."""
    number = (await state.retrieval.indexes.live()).number
    yield number
    await state.retrieval.indexes.reload()
    if state.retrieval.indexes.known.live and state.retrieval.indexes.known.live.number != number:
        await switch_to(state.retrieval, number)
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


async def test_a_new_index_contains_every_document(state, live_index, retrieval, request_of, caller):
    for number in range(5):
        await put(retrieval, request_of(text_of(number)))
    steps: list[tuple[int, int]] = []

    built = await retrieval.index_builder.build(narrow(retrieval), lambda done, total: steps.append((done, total)))
    assert built.status == "ready"
    assert steps[-1][0] == steps[-1][1] >= 5
    assert (await ask(retrieval, caller, "topic3")).index_number == live_index

    await switch_to(retrieval, built.number)
    evidence = await ask(retrieval, caller, "topic3")
    assert evidence.index_number == built.number
    assert len(evidence.passages) > 1, "smaller chunks"
    assert {p.text.count("topic3") > 0 for p in evidence.passages} == {True}


async def test_the_previous_index_is_kept_up_to_date_for_a_switch_back(
    state, live_index, retrieval, request_of, caller
):
    first = request_of(text_of(1))
    await put(retrieval, first)
    built = await retrieval.index_builder.build(narrow(retrieval), ignore)
    await switch_to(retrieval, built.number)
    await put(retrieval, request_of(text_of(2)))
    await put(retrieval, replace(first, text=text_of(3), document_version=2))

    await switch_to(retrieval, live_index)
    assert len((await ask(retrieval, caller, "topic2")).passages) == 1
    assert len((await ask(retrieval, caller, "topic3")).passages) == 1
    assert (await ask(retrieval, caller, "topic1")).passages == ()


async def test_a_document_published_during_the_build_is_in_both_indexes(
    state, live_index, retrieval, request_of, caller
):
    for number in range(4):
        await put(retrieval, request_of(text_of(number)))
    late = request_of(text_of(77))
    started = asyncio.Event()

    def progress(done: int, total: int) -> None:
        started.set()

    building = asyncio.create_task(retrieval.index_builder.build(narrow(retrieval), progress))
    await started.wait()
    await put(retrieval, late)
    built = await building
    await switch_to(retrieval, built.number)
    assert (await ask(retrieval, caller, "topic77")).passages[0].document_id == late.document_id


async def test_an_interrupted_build_is_continued(state, live_index, retrieval, request_of, caller):
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


async def test_a_switch_under_load_fails_no_request(state, live_index, retrieval, request_of, caller):
    for number in range(3):
        await put(retrieval, request_of(text_of(number)))
    built = await retrieval.index_builder.build(narrow(retrieval), ignore)
    follower = SeparateService(state, *retrieval.embedders.values()).retrieval
    listening = asyncio.create_task(listen(state.database, INDEX_SWITCHED, follower.follow))
    numbers: list[int] = []
    stop = asyncio.Event()

    async def load() -> None:
        while not stop.is_set():
            evidence = await ask(follower, caller, "topic1")
            assert evidence.passages
            numbers.append(evidence.index_number)

    workers = [asyncio.create_task(load()) for _ in range(4)]
    for number in (built.number, live_index, built.number):
        enough = len(numbers) + 20
        await until(lambda enough=enough: len(numbers) >= enough)  # type: ignore[misc]
        await switch_to(retrieval, number)
        # The other process follows the switch.
        await until(lambda number=number: numbers[-1] == number)  # type: ignore[misc]
    stop.set()
    await asyncio.gather(*workers)
    listening.cancel()
    assert {live_index, built.number} == set(numbers)
    switches = sum(a != b for a, b in pairwise(numbers))
    assert switches <= 3 + 2 * 3 * 4


async def test_an_incomplete_index_cannot_be_switched_to(state, live_index, retrieval, request_of, caller):
    await put(retrieval, request_of(text_of(1)))
    built = await retrieval.index_builder.build(narrow(retrieval), ignore)
    await retrieval.indexes.retire(built.number)
    late = request_of(text_of(2))
    await put(retrieval, late)
    with pytest.raises(IndexNotReady):
        await switch_to(retrieval, built.number)
    again = await retrieval.index_builder.build(narrow(retrieval), ignore, resume=built.number)
    assert again.number == built.number
    await switch_to(retrieval, built.number)
    assert (await ask(retrieval, caller, "topic2")).passages[0].document_id == late.document_id


async def test_a_resumed_index_drops_versions_replaced_while_it_was_retired(
    state, live_index, retrieval, request_of, caller
):
    request = request_of(text_of(1))
    await put(retrieval, request)
    built = await retrieval.index_builder.build(narrow(retrieval), ignore)
    await retrieval.indexes.retire(built.number)
    await put(retrieval, replace(request, text=text_of(2), document_version=2))
    await retrieval.index_builder.build(narrow(retrieval), ignore, resume=built.number)
    await switch_to(retrieval, built.number)
    assert (await ask(retrieval, caller, "topic1")).passages == ()
    assert {p.version for p in (await ask(retrieval, caller, "topic2")).passages} == {2}


async def test_a_query_with_another_embedder_is_rejected_with_the_remedy(state, live_index, caller, words):
    other = SeparateService(state, words).retrieval
    with pytest.raises(EmbedderMismatch) as refused:
        await ask(other, caller, "anything")
    assert "none" in refused.value.detail
    assert words.name in refused.value.detail
    assert "app index build" in (refused.value.what_to_do or "")
    with pytest.raises(EmbedderMismatch):
        await other.ready()


async def test_every_embedding_of_a_build_has_a_ledger_row(state, live_index, retrieval, request_of, caller, words):
    both = SeparateService(state, *retrieval.embedders.values(), words).retrieval
    await put(both, request_of(text_of(1)))
    await both.index_builder.build(
        replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions), ignore
    )
    totals = await both.costs.totals(caller.tenant_id)
    assert {t.key for t in totals.by_feature} == {"embedding_document"}
    assert totals.total.input_tokens > 0


async def test_a_switch_to_an_index_with_vectors_needs_no_restart(
    state, live_index, retrieval, request_of, caller, words
):
    both = SeparateService(state, *retrieval.embedders.values(), words).retrieval
    for number in range(3):
        await put(both, request_of(text_of(number)))
    fingerprint = replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions)
    built = await both.index_builder.build(fingerprint, ignore)
    by_feature = (await both.costs.totals(caller.tenant_id)).by_feature
    assert {total.key: total.input_tokens > 0 for total in by_feature} == {"embedding_document": True}
    before = await ask(both, caller, "topic2")
    await switch_to(both, built.number)
    after = await ask(both, caller, "topic2")
    assert (before.top_dense, after.index_number) == (None, built.number)
    assert after.passages[0].document_id == before.passages[0].document_id
    assert after.passages[0].dense is not None
    assert after.top_dense == max(p.dense for p in after.passages if p.dense is not None)
    assert after.usage is not None
    assert after.usage.tokens > 0
    assert (await ask(both, caller, "topic2")).usage.tokens == 0, "the vector of a query is cached"


async def test_with_a_failing_embedder_the_search_degrades_to_keywords(
    state, live_index, retrieval, request_of, caller, words
):
    both = SeparateService(state, *retrieval.embedders.values(), words).retrieval
    await put(both, request_of(text_of(1)))
    built = await both.index_builder.build(
        replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions), ignore
    )
    await switch_to(both, built.number)
    words.broken, before = EmbeddingFailed("down"), total("app_search_degraded_total", why="embedding_failed")
    evidence = await ask(both, caller, "topic1 please")
    assert total("app_search_degraded_total", why="embedding_failed") == before + 1
    assert evidence.passages
    assert (evidence.degraded, evidence.top_dense) == ("embedding_failed", None)


async def test_bad_vectors_do_not_change_the_index(state, live_index, retrieval, request_of, caller, words):
    both = SeparateService(state, *retrieval.embedders.values(), words).retrieval
    await put(both, request_of(text_of(1)))
    built = await both.index_builder.build(
        replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions), ignore
    )
    await switch_to(both, built.number)
    words.dimensions = 32
    words_name = built.fingerprint.embedder
    both.embedders[words_name].dimensions = 32  # type: ignore[index,misc]
    with pytest.raises(EmbeddingFailed):
        await put(both, request_of(text_of(2)))
    words.dimensions = 64
    assert (await ask(both, caller, "topic2")).corpus_version == 1


async def test_an_index_that_fails_its_verification_is_not_ready(
    state, live_index, retrieval, request_of, caller, monkeypatch
):
    await put(retrieval, request_of(text_of(1)))

    async def nothing(*_: object) -> bool:
        return False

    monkeypatch.setattr(type(retrieval.index_builder), "_is_found", nothing)
    with pytest.raises(VerificationFailed):
        await retrieval.index_builder.build(narrow(retrieval), ignore)
    assert [row.status for row, _, _ in await retrieval.list_indexes(None) if row.status == "ready"] == []
    assert (await ask(retrieval, caller, "topic1")).index_number == live_index


async def test_unknown_indexes_and_configurations_are_rejected(state, live_index, retrieval):
    with pytest.raises(IndexNotFound):
        await retrieval.indexes.pin(999_999)
    with pytest.raises(IndexNotReady):
        await retrieval.indexes.retire(live_index)
    with pytest.raises(TextSearchNotFound):
        await retrieval.index_builder.build(replace(retrieval.indexes.first, text_search="klingon"), ignore)


async def is_done_or_waits_for_lock(retrieval: Retrieval, other: asyncio.Task[object]) -> bool:
    """Whether a task is done, or a database connection waits for a lock."""
    query = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return other.done() or bool(await retrieval.database.ask(query, []))


@asynccontextmanager
async def in_flight(retrieval: Retrieval, request: PublishRequest) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """A publish before its commit; yields a function that waits until a task is done or blocked by it."""
    prepared = await retrieval.prepare(request)

    async def watch(other: asyncio.Task[object]) -> None:
        await until(partial(is_done_or_waits_for_lock, retrieval, other))

    async with retrieval.database.transaction(request.tenant_id) as connection:
        await retrieval.publish(connection, prepared)
        yield watch


async def test_a_switch_waits_for_a_publish_in_progress(state, live_index, retrieval, request_of, caller, words):
    """The publishing process has not the new embedder, so that its document is in the old index only."""
    both = SeparateService(state, *retrieval.embedders.values(), words).retrieval
    await put(both, request_of(text_of(1)))
    vectors = replace(both.indexes.first, embedder=words.name, dimensions=words.dimensions)
    built = await both.index_builder.build(vectors, ignore)
    await retrieval.indexes.reload()
    async with in_flight(retrieval, request_of(text_of(2))) as watch:
        switching = asyncio.create_task(switch_to(both, built.number))
        await watch(switching)
    with pytest.raises(IndexBehind):
        await switching
    assert len((await ask(both, caller, "topic2")).passages) == 1


async def test_an_index_created_during_a_publish_has_its_document(state, live_index, retrieval, request_of, caller):
    """The publish reads the list of indexes before this one is created."""

    async def build_and_switch() -> None:
        built = await retrieval.index_builder.build(narrow(retrieval), ignore)
        await switch_to(retrieval, built.number)

    late = request_of(text_of(2))
    async with in_flight(retrieval, late) as watch:
        changing = asyncio.create_task(build_and_switch())
        await watch(changing)
    await changing
    evidence = await ask(retrieval, caller, "topic2")
    assert evidence.index_number != live_index
    assert {passage.document_id for passage in evidence.passages} == {late.document_id}
