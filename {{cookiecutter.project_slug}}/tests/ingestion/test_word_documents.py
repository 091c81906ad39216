"""What becomes of Word documents whose text does not all stand in their body."""

from tests.adapters.parsers.word_files import paragraph, part, run, word

TEXT = "The lamp of the lighthouse is lit at dusk and put out at dawn by the keeper on duty."
EXCEPTION = "Only the harbour master may grant an exception to this rule."
EMBEDDED = '<w:altChunk r:id="aFChunk"/>'


async def test_a_page_within_a_document_is_published_with_it(ingest, search) -> None:
    chunk = f"<html><body><p>{EXCEPTION}</p></body></html>"
    [document] = await ingest(("lamps.docx", word(paragraph(TEXT), EMBEDDED, parts={"aFChunk": chunk})))
    assert document["status"] == "published"
    [found] = await search("Who may grant an exception?")
    assert EXCEPTION in found


async def test_a_document_that_embeds_another_waits_with_the_count_of_words_that_were_not_read(ingest) -> None:
    chunk = "{\\rtf1 " + "{" * 2_100 + EXCEPTION + "}" * 2_100 + "}"
    data = word(paragraph(TEXT), EMBEDDED, parts={"aFChunk": chunk})
    [document] = await ingest(("lamps.docx", data))
    assert document["quarantine"]["reason"] == "lost_words"
    assert "11 in embedded document" in document["quarantine"]["detail"]


async def test_a_document_with_tracked_changes_and_comments_is_published_without_a_warning(ingest, search) -> None:
    comment = part("w:comments", f'<w:comment w:id="1">{paragraph("Is that so?")}</w:comment>')
    removed = f"<w:del>{run('two keepers')}</w:del><w:ins>{run('three keepers')}</w:ins>"
    data = word(paragraph(TEXT), paragraph("In winter ", removed, " share the watch."), parts={"comments": comment})
    [document] = await ingest(("lamps.docx", data))
    assert (document["status"], document["flagged"]) == ("published", False)
    assert {finding["rule"] for finding in document["findings"]} == {"tracked_changes", "comments"}
    [found] = await search("Who shares the watch in winter?")
    assert "In winter three keepers share the watch." in found
    assert "two keepers" not in found
    assert "Is that so" not in found
