"""A document of which more than a small share was not read waits for a person."""

import pytest

WORDS = " ".join(f"word{number}" for number in range(40_000))
REST = "in the old house by the harbour wall where boats lie in winter"
LOSSES = {
    # What is hidden is kept for screening only up to a limit.
    "hidden.html": (f"<html><body><p>The lamp is lit.</p><div hidden>{WORDS}</div></body></html>", "page"),
    # Of two fields of one name, readers of JSON keep the last.
    "doubled.jsonl": ('{"text": "The lamp is lit.", "text": "The desk is old, and so is the room."}', "line 1"),
    # Two words become one where a quotation mark ends within a cell; a little in each of many rows.
    "glued.csv": ("name,note\n" + "\n".join(f'{row},"The lamp"is lit {REST}' for row in range(150)), "other places"),
    "doubled-rows.jsonl": (
        "\n".join(f'{{"a": "lit", "a": "The lamp is {REST}"}}' for _ in range(150)),
        "other places",
    ),
}


@pytest.mark.parametrize("name", LOSSES)
async def test_a_document_that_lost_words_is_quarantined_with_their_places(ingest, name: str) -> None:
    text, place = LOSSES[name]
    (document,) = await ingest((name, text.encode()))
    assert document["quarantine"]["reason"] == "lost_words"
    assert f" in {place}" in document["quarantine"]["detail"]
