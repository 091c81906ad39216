"""A document of which more than a small share was not read waits for a person, with the places of the words."""

import pytest

from tests.adapters.parsers.office_files import epub, open_document, pptx, shape, text_cells, xlsx
from tests.ingestion.conftest import Send

WORDS = " ".join(f"word{number}" for number in range(40_000))
LOSSES = {
    # What is hidden is kept for screening only up to a limit.
    "hidden.html": (f"<html><body><p>The lamp is lit.</p><div hidden>{WORDS}</div></body></html>", "page"),
    # Of two fields of one name, readers of JSON keep the last.
    "doubled.jsonl": ('{"text": "The lamp is lit.", "text": "The desk is old, and so is the room."}', "line 1"),
}


@pytest.mark.parametrize("name", LOSSES)
async def test_a_document_that_lost_words_is_quarantined_with_their_places(ingest, name: str) -> None:
    text, place = LOSSES[name]
    (document,) = await ingest((name, text.encode()))
    assert document["quarantine"]["reason"] == "lost_words"
    assert f" in {place}" in document["quarantine"]["detail"]


LOST = "Orders above nine hundred euros need two signatures."


@pytest.mark.parametrize(
    ("name", "data", "place"),
    [
        (
            "a.xlsx",
            xlsx(text_cells(["The berth is free."]), orphan=f"<worksheet><c><is><t>{LOST}</t></is></c></worksheet>"),
            "cells",
        ),
        ("a.pptx", pptx(shape("The berth is free."), orphan_slide=shape(LOST)), "slide 9"),
        ("a.odt", open_document("text", f"<text:p>The berth is free.</text:p>{LOST}"), "body"),
        (
            "a.epub",
            epub({"a.xhtml": "<p>The berth is free.</p>", "b.xhtml": LOST}, spine=["a.xhtml"]),
            "page book/b.xhtml",
        ),
    ],
    ids=["xlsx", "pptx", "odt", "epub"],
)
async def test_a_file_whose_text_is_not_reached_waits_for_a_person(
    ingest: Send, name: str, data: bytes, place: str
) -> None:
    (document,) = await ingest((name, data))
    assert document["quarantine"]["reason"] == "lost_words"
    assert f"8 in {place}" in document["quarantine"]["detail"]
