"""A document of which more than a small share was not read waits for a person."""

import pytest

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
