import io
import re
import zipfile
from dataclasses import dataclass

import pytest

from app.adapters.parsers import sniffing
from app.adapters.parsers.ocr import OCR_LANGUAGES, OFF
from app.adapters.parsers.sniffing import kind_of
from app.ingestion.domain.parsed_document import Unparsable
from tests.adapters.parsers.bombs import page
from tests.adapters.parsers.office_files import xlsx, zipped


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


def ole(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + stream.encode("utf-16-le")


@pytest.mark.parametrize(
    ("name", "data", "code", "advice"),
    [
        ("a.doc", ole("WordDocument"), "type_unsupported", "save it as DOCX"),
        ("a.ppt", ole("PowerPoint Document"), "type_unsupported", "save it as PPTX"),
        ("a.msg", ole("__nameid_version1.0"), "type_unsupported", "save it as EML"),
        ("a.xlsx", ole("EncryptedPackage"), "encrypted", "password"),
        ("a.pages", zipped({"Index/Document.iwa": "x"}), "type_unsupported", "export it as PDF"),
        ("a.docm", b"text", "type_unsupported", "save it as DOCX"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(9), "type_unsupported", "a PNG image; install text"),
        ("a.heic", bytes(4) + b"ftypheic" + bytes(9), "type_unsupported", "an image; install text"),
        ("a.mp4", bytes(4) + b"ftypisom" + bytes(9), "type_unsupported", "audio or video"),
        ("a.wav", b"RIFF\x01\x02\x03\x04WAVEfmt ", "type_unsupported", "audio or video"),
        ("a.jpg", b"no image at all", "type_unsupported", "text recognition"),
        ("a.zip", zipped({"a.txt": "x"}), "archive_unsupported", "archive"),
        ("a.xlsx", zipped({"a.txt": "x"}), "wrong_type", "archive"),
        ("a.docx", xlsx(""), "wrong_type", "The file is XLSX"),
        ("a.doc", b"{\\rtf1 text}", "wrong_type", "The file is RTF"),
        ("a.rtf", b"plain text", "wrong_type", "name says RTF"),
        ("a.eml", b"Dear Ann, hello.", "wrong_type", "no header"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, code: str, advice: str
) -> None:
    monkeypatch.setenv(OCR_LANGUAGES, OFF)
    with pytest.raises(Unparsable, match=re.escape(advice)) as refusal:
        kind_of(data, name)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.eml", b"Received: from x\r\n by y\r\nFrom: a@b.c\r\n\r\nx", "eml"),
        ("a.eml", b"From a@b.c Thu Mar 5\nX-One: 1\nSubject: x\n\nx", "eml"),
        ("a.txt", b"Subject: x\nFrom: a\n\nx", "text"),
        ("a.txt", b"RIFF is a format of files.", "text"),
        ("a.xls", ole("Workbook\0"), "xls"),
        ("a.xlsm", xlsx(""), "xlsx"),
        ("a.xlsx", zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>"}), "xlsx"),
        ("a.docx", zipped({"word/document.xml": "<x/>"}), "docx"),
        ("a.ott", zipped({"mimetype": "application/vnd.oasis.opendocument.text-template"}), "odt"),
    ],
)
def test_a_document_is_told_by_its_content(name: str, data: bytes, kind: str) -> None:
    assert kind_of(data, name) == kind
