import io
import re
import zipfile
from dataclasses import dataclass

import pytest

from app.adapters.parsers import sniffing
from app.adapters.parsers.sniffing import kind_of
from app.ingestion.domain.parsed_document import Unparsable
from tests.adapters.parsers.bombs import page


@pytest.mark.parametrize(
    "page",
    [
        b"<html>",
        b"\n <!DOCTYPE html>",
        b"<!-- a --><!-- b --> <body class='x'>",
        b"<!-- <p> -- > -->\n<HEAD>",
        b"<!--" + b"x" * 3000 + b"--><html>",
    ],
)
def test_html_is_detected_by_its_first_tag(page: bytes) -> None:
    assert kind_of(page, "a.html") == "html"
    with pytest.raises(Exception, match="The file is HTML"):
        kind_of(page, "a.txt")


@pytest.mark.parametrize(
    "text", [b"<!-- never closed <html>", b"<!-- a --> b <html>", b"<p>", b"<htmlish>", b"a <html>"]
)
def test_text_without_such_a_tag_is_not_html(text: bytes) -> None:
    assert kind_of(text, "a.txt") == "text"


@dataclass
class Counting:
    """A pattern that counts its matches."""

    pattern: re.Pattern[bytes]
    calls: int = 0

    def match(self, text: bytes, at: int) -> re.Match[bytes] | None:
        self.calls += 1
        return self.pattern.match(text, at)


@pytest.mark.parametrize("comments", [10, 100, 500])
def test_unclosed_comments_are_scanned_once(monkeypatch: pytest.MonkeyPatch, comments: int) -> None:
    counting = Counting(sniffing._BEFORE_HTML)
    monkeypatch.setattr(sniffing, "_BEFORE_HTML", counting)
    page = b"<!---->" * comments + b"<!-- <hat"
    assert kind_of(page, "a.txt") == "text"
    assert counting.calls == comments + 1


def test_spaces_between_comments_do_not_cause_backtracking(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(sniffing._BEFORE_HTML)
    monkeypatch.setattr(sniffing, "_BEFORE_HTML", counting)
    assert kind_of(b"<!-- -->   " * 300 + b"<hat", "a.txt") == "text"
    assert counting.calls <= 2 * 300 + 1


PDF = page(b"BT /F1 12 Tf 72 720 Td (Seen.) Tj ET")
ARCHIVE = io.BytesIO()
with zipfile.ZipFile(ARCHIVE, "w") as inside:
    inside.writestr("a.txt", "x")
ZIPPED = ARCHIVE.getvalue()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (PDF + ZIPPED, "a ZIP archive"),
        (PDF[:-5] + ZIPPED[:-2] + b"\x05\x00%%EOF", "a ZIP archive"),
        (ZIPPED + PDF, "a ZIP archive"),
        (b"GIF89a;" + PDF, "a GIF image"),
        (b"MZ" + bytes(40) + PDF, "a Windows program"),
        (b"<html><script>x()</script>" + PDF, "an HTML page"),
        (PDF + b"\n<html><body onload=x()>", "an HTML page"),
    ],
    ids=["zip after", "zip around the end", "zip before", "gif", "program", "html before", "html after"],
)
@pytest.mark.parametrize("name", ["a.pdf", "a.html", "a.zip"])
def test_a_file_that_is_two_types_at_once_is_held_for_that(data: bytes, what: str, name: str) -> None:
    with pytest.raises(Unparsable, match=what) as refusal:
        kind_of(data, name)
    assert refusal.value.code == "polyglot"


@pytest.mark.parametrize("data", [PDF, b"\n\n" + PDF, PDF.replace(b"stream\n", b"stream\n% " + ZIPPED, 1)])
def test_a_pdf_with_blanks_before_it_or_an_archive_in_it_is_a_pdf(data: bytes) -> None:
    assert kind_of(data, "a.pdf") == "pdf"
