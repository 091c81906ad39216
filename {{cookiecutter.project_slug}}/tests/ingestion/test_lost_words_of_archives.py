"""A file with text that its parser does not reach is put into quarantine, with the place of the words."""

import pytest

from tests.adapters.parsers.office_files import epub, open_document, pptx, shape, text_cells, xlsx
from tests.ingestion.conftest import Send

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
