"""Scanned pages and pictures of text are read where text recognition is installed, and counted where it is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.parsers import ocr
from app.adapters.parsers.dispatch import parse
from app.adapters.parsers.pdf import scans as pdf_scans
from app.adapters.parsers.pool import ParserPool
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from tests.adapters.parsers.made_pdf import line, page_of, pages_of, picture
from tests.adapters.parsers.office_files import zipped
from tests.adapters.parsers.scans import needs_tesseract, png, scanned, tiff

pytestmark = pytest.mark.slow

LINES = ("The ferry to the island leaves at 6:40 in summer.", "Dogs travel free; a bicycle costs 4.50 a day.")
WHOLE = "q 600 0 0 800 0 0 cm /Scan Do Q"
RESOURCES = "/XObject << /Scan 6 0 R >>"


@pytest.fixture
def off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ocr.OCR_LANGUAGES, ocr.OFF)


def rules(document: ParsedDocument) -> dict[str, int]:
    return {finding.rule: finding.count for finding in document.findings}


def scan(content: str = WHOLE) -> bytes:
    return page_of(content, scanned(*LINES), resources=RESOURCES)


@needs_tesseract
@pytest.mark.parametrize(
    "content",
    [WHOLE, f"{WHOLE} {line('Copy 3', 60, 20)}", "q 500 0 0 700 50 50 cm /Scan Do Q"],
    ids=["scan", "stamped", "with margins"],
)
def test_a_scanned_page_is_read(content: str) -> None:
    document = parse(scan(content), "a.pdf")
    assert all(each in document.text for each in LINES)
    assert rules(document) == {"recognised_text": 1}
    assert document.text.count("Copy 3") == content.count("Copy 3")


@needs_tesseract
@pytest.mark.parametrize(("make", "name"), [(png, "a.png"), (tiff, "a.TIF")])
def test_a_picture_of_text_is_read(make: Callable[..., bytes], name: str) -> None:
    document = parse(make(*LINES), name)
    assert document.kind == "image"
    assert all(each in document.text for each in LINES)
    assert rules(document) == {"recognised_text": 1}


@pytest.mark.usefixtures("off")
def test_without_recognition_scanned_pages_are_counted() -> None:
    document = parse(scan(), "a.pdf")
    assert (document.text, rules(document)) == ("", {"mostly_scanned": 1})
    with pytest.raises(Unparsable, match="a PNG image; install text recognition"):
        parse(png(*LINES), "a.png")


@pytest.mark.usefixtures("off")
def test_pages_with_text_are_not_counted_as_scanned() -> None:
    words = line("The office is open from nine to five, and closed in August.")
    beside = page_of(f"q 600 0 0 300 0 0 cm /Scan Do Q {words}", picture(), resources=RESOURCES)
    assert rules(parse(beside, "a.pdf")) == {}
    over = page_of(f"{WHOLE} {words}", picture(), resources=RESOURCES)
    assert rules(parse(over, "a.pdf")) == {}


@needs_tesseract
def test_what_is_read_into_a_drawing_is_not_served() -> None:
    document = parse(page_of(WHOLE, picture(), resources=RESOURCES), "a.pdf")
    assert (document.text, rules(document)) == ("", {"mostly_scanned": 1})


@needs_tesseract
def test_pages_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_scans, "MAX_PAGES", 0)
    assert rules(parse(scan(), "a.pdf")) == {"mostly_scanned": 1}


@needs_tesseract
def test_a_huge_page_is_read_with_as_many_pixels_as_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    read = ocr.Tesseract.read
    monkeypatch.setattr(ocr.Tesseract, "read", lambda *all: (sizes.append(len(all[1])), read(*all))[1])
    wall = pages_of(["q 6000 0 0 8000 0 0 cm /Scan Do Q"], scanned(*LINES), "0 0 6000 8000")
    document = parse(wall, "a.pdf")
    assert all(each in document.text for each in LINES)
    assert len(sizes) == 1
    assert sizes[0] <= 20_001_000


@needs_tesseract
def test_a_picture_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    endless = tmp_path / "tesseract"
    endless.write_text("#!/bin/sh\nwhile :; do :; done\n")
    endless.chmod(0o755)
    monkeypatch.setattr(ocr, "_CPU_SECONDS", 1)
    with pytest.raises(Unparsable, match="cannot read the picture"):
        ocr.Tesseract(str(endless), {}, ("eng",)).read(b"")


@needs_tesseract
@pytest.mark.parametrize(
    ("name", "languages", "more"), [("a.PDF", "", 20), ("a.jpg", "", 20), ("a.md", "", 0), ("a.pdf", "off", 0)]
)
def test_a_file_that_may_be_scanned_has_more_time(name: str, languages: str, more: int) -> None:
    pool = ParserPool(ocr_languages=languages)
    assert pool._children[0]._time_for(b"", name) == pool.limits.seconds + more


@needs_tesseract
@pytest.mark.parametrize("size", [60, 4000])
def test_a_damaged_picture_is_refused(size: int) -> None:
    with pytest.raises(Unparsable) as error:
        parse(png(*LINES)[:size], "a.png")
    assert error.value.code == "unreadable"


@needs_tesseract
@pytest.mark.parametrize("appendix", [b"<script>alert(1)</script>", zipped({"a.txt": "x"})], ids=["page", "archive"])
def test_a_picture_that_is_something_else_too_is_refused(appendix: bytes) -> None:
    with pytest.raises(Unparsable, match="something else at once"):
        parse(png(*LINES) + appendix, "a.png")


@needs_tesseract
def test_languages_that_are_not_installed_are_not_half_used() -> None:
    found = ocr.tesseract("eng")
    assert found is not None
    assert found.languages == ("eng",)
    assert ocr.tesseract("eng+xyz") is None
