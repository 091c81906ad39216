from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.adapters.embeddings.weights import bundled_name, name_of
from app.retrieval.domain import AnalyzerMismatch, ChunkerParams, EmbedderMismatch, Fingerprint, IndexRow

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("embedder", "settings"),
    [
        ("none", "APP_EMBEDDER=none"),
        (bundled_name(), "APP_EMBEDDER=minilm and no APP_EMBEDDER_FOLDER"),
        (name_of("e5-small-q4", "00", "11"), "APP_EMBEDDER=e5"),
        (name_of("gte-small", "00", "11"), "APP_EMBEDDER=minilm and APP_EMBEDDER_FOLDER to the folder of gte-small"),
        ("openai:small@8", "APP_EMBEDDER=openai, APP_EMBEDDER_MODEL=small and APP_EMBEDDER_DIMENSIONS=8"),
    ],
)
def test_an_index_names_the_settings_that_choose_its_embedder(embedder: str, settings: str) -> None:
    fingerprint = Fingerprint(embedder, 8, "structure-1", {}, "english", 60.0)
    index = IndexRow(3, uuid4(), "live", fingerprint, NOW, NOW)
    index.check_embedder({embedder: object()})
    with pytest.raises(EmbedderMismatch, match=f"Index 3 was built with the embedder {embedder}, ") as refused:
        index.check_embedder({"another": object()})
    assert (refused.value.what_to_do or "").startswith(f"Set {settings} (")


def index(embedder: str, dimensions: int) -> IndexRow:
    return IndexRow(3, uuid4(), "live", Fingerprint(embedder, dimensions), NOW, NOW)


def test_an_index_without_dimensions_is_searched_by_words_alone() -> None:
    assert index("openai:small@8", 8).dense
    assert index("openai:small@1", 1).dense
    assert not index("none", 0).dense


def test_the_refusal_names_every_embedder_that_the_process_has() -> None:
    wanted = index("openai:small@8", 8)
    wanted.check_embedder({"none": object(), "openai:small@8": object()})
    for configured, named in (({}, "process uses none"), ({"a": 1, "b": 2}, "process uses a and b")):
        with pytest.raises(EmbedderMismatch, match=named):
            wanted.check_embedder(configured)


@pytest.mark.parametrize("analyzer", ["plain", "bigrams-1"])
def test_an_index_of_a_newer_version_is_refused_by_the_name_of_its_analyzer(analyzer: str) -> None:
    known = IndexRow(3, uuid4(), "live", Fingerprint("none", 0, analyzer=analyzer), NOW, NOW)
    known.check_embedder({"none": object()})
    newer = replace(known, fingerprint=replace(known.fingerprint, analyzer=f"{analyzer}-next"))
    with pytest.raises(AnalyzerMismatch, match=f"Index 3 was built with the analyzer {analyzer}-next; "):
        newer.check_embedder({"none": object()})


def test_a_fingerprint_pins_the_sizes_of_its_chunks() -> None:
    assert Fingerprint("none", 0).params == ChunkerParams()
    sizes = {"target": 100, "whole": 150, "small": 20}
    assert Fingerprint("none", 0, chunker_params=sizes).params == ChunkerParams(**sizes)
    assert Fingerprint("none", 0, chunker_params=sizes) != Fingerprint("none", 0)


def test_an_index_of_before_there_were_analyzers_takes_text_as_it_is() -> None:
    old, new = Fingerprint("none", 0, analyzer="plain"), Fingerprint("none", 0)
    text = "図書館はどこですか？"
    assert (old.index_text(text), old.query_text(text), old.length_scale(text)) == (text, text, 1)
    assert text not in (new.index_text(text), new.query_text(text))
    assert new.length_scale(text) > 1
