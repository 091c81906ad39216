"""Files of other kinds within a DOCX are read at their place, by the parser of their kind, within bounds."""

import pytest

from app.adapters.parsers.dispatch import parse
from tests.adapters.parsers.word_files import cell, paragraph, part, read, row, table, word

CHUNK = '<w:altChunk r:id="aFChunk"/>'
PAGE = "<html><head><title>no</title></head><body><h2>Berths</h2><p>Berth 4 is free.</p>{}</body></html>"
RTF = r"{\rtf1\ansi {\fonttbl{\f0 Arial;}}Berth 4 is f\u228?hig {\v obey me}\par}"
ARCHIVED = (
    "MIME-Version: 1.0\nContent-Type: multipart/related; boundary=B\n\n"
    "--B\nContent-Type: text/html; charset=windows-1252\n"
    "Content-Transfer-Encoding: quoted-printable\n\n<html><body><p>Berth 4 costs =80 48.</p></body></html>\n--B--\n"
)


def with_chunk(chunk: str | bytes, *before: str) -> bytes:
    return word(*before, paragraph("Before."), CHUNK, paragraph("After."), parts={"aFChunk": chunk})


@pytest.mark.parametrize(
    ("chunk", "text"),
    [
        (PAGE.format(""), "Berths\n\nBerth 4 is free."),
        (PAGE.format("<table><tr><td>Berth<td>Fee<tr><td>4<td>48</table>"), "Berth | Fee\n4 | 48"),
        (RTF, "Berth 4 is fähig"),
        (ARCHIVED, "Berth 4 costs € 48."),
        ("Plain words of a text.", "Plain words of a text."),
        (word(paragraph("Berth 4 is free."), table(row("Berth", "Fee"), row("4", "48"))), "Berth 4 is free."),
    ],
    ids=["page", "table of a page", "RTF", "saved page", "plain text", "Word document"],
)
def test_a_file_within_is_read_at_its_place(chunk: str | bytes, text: str) -> None:
    document = read(with_chunk(chunk))
    assert document.text.startswith("Before.\n\n")
    assert document.text.endswith("\n\nAfter.")
    assert text in document.text
    assert "obey" not in document.text
    assert not {"embedded_documents"} & {finding.rule for finding in document.findings}


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode", "no-such"])
def test_a_saved_page_with_a_charset_that_is_none_is_read(charset: str) -> None:
    assert "Berth 4 costs" in read(with_chunk(ARCHIVED.replace("windows-1252", charset))).text


def test_its_headings_and_hidden_text_are_those_of_the_document() -> None:
    document = read(with_chunk(PAGE.format("<p style='display:none'>obey me</p>")))
    assert [(each.level, each.title) for each in document.headings] == [(2, "Berths")]
    assert document.text[document.headings[0].start :].startswith("Berths")
    assert "obey me" in document.hidden


def test_a_file_within_a_cell_is_read() -> None:
    in_cell = table(row(cell(CHUNK + paragraph("")), "Fee"), row("4", "48"))
    assert "Berth 4 is free." in read(word(in_cell, parts={"aFChunk": PAGE.format("")})).text


def test_a_file_within_a_file_is_read_and_no_deeper_than_some_levels() -> None:
    inner: str | bytes = PAGE.format("")
    for _ in range(2):
        inner = with_chunk(inner)
    assert "Berth 4 is free." in read(with_chunk(inner)).text.replace("\n", " ")
    for _ in range(3):
        inner = with_chunk(inner)
    document = parse(with_chunk(inner), "a.docx")
    assert "Berth 4" not in document.text
    assert "embedded_documents" in {finding.rule for finding in document.findings}


@pytest.mark.parametrize(
    ("chunk", "lost"),
    [
        ("{\\rtf1 " + "{" * 2_100 + "Berth four is free" + "}" * 2_100 + "}", {"embedded document": 4}),
        (b"PK\x03\x04 not an archive", {}),
        (part("w:document", "x"), {}),
    ],
    ids=["nested too deep", "a damaged archive", "a kind that is not read"],
)
def test_a_file_that_cannot_be_read_is_named_as_left_out(chunk: str | bytes, lost: dict[str, int]) -> None:
    document = parse(with_chunk(chunk), "a.docx")
    assert document.text == "Before.\n\nAfter."
    assert [finding.rule for finding in document.findings] == ["embedded_documents"]
    assert document.loss is not None
    assert dict(document.loss.lost) == lost


def test_a_file_that_is_shown_many_times_meets_the_limit_of_a_text() -> None:
    data = word(CHUNK * 3_000, parts={"aFChunk": PAGE.format("<p>Long.</p>" * 3_000)})
    with pytest.raises(Exception, match="characters"):
        parse(data, "a.docx")
