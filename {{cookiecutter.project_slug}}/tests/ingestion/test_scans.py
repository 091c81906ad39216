"""A scan that is uploaded is found by its words, or its reader is told why not."""

import pytest

from app.adapters.parsers.pool import ParserPool
from app.core.errors import StartRefused
from app.identity.domain import Principal
from app.settings import Settings
from app.wiring import State, check
from tests.adapters.parsers.made_pdf import line, page_of, pages_of
from tests.adapters.parsers.scans import needs_tesseract, png, scanned
from tests.adapters.parsers.test_scans import LINES, RESOURCES, WHOLE
from tests.conftest import ROOT
from tests.ingestion import test_policies as sources
from tests.ingestion.test_gates import end_of

QUESTION = "When does the ferry to the island leave?"
PAGE = page_of(WHOLE, scanned(*LINES), resources=RESOURCES)


@pytest.fixture(scope="module", params=["eng", "off"])
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    return settings.model_copy(update={"ocr_languages": request.param})


@needs_tesseract
async def test_scans_are_found_or_wait_with_what_to_do(ingest, search, settings: Settings) -> None:
    scan, photo, page = await ingest(
        ("scan.pdf", PAGE),
        ("photo.png", png("The harbour office opens at nine.")),
        ("page.pdf", page_of(line("A page."))),
    )
    assert end_of(page) == "published"
    if settings.ocr_languages == "off":
        assert (end_of(scan), end_of(photo)) == ("no_text", "type_unsupported")
        assert "make env-ocr" in scan["quarantine"]["action"]
        assert "make env-ocr" in photo["quarantine"]["detail"]
        return
    assert (end_of(scan), end_of(photo)) == ("published", "published")
    assert [finding["rule"] for finding in scan["findings"]] == ["recognised_text"]
    assert any(LINES[0] in text for text in await search(QUESTION))
    assert any("opens at nine" in text for text in await search("When does the harbour office open?"))


@needs_tesseract
async def test_a_file_waits_where_most_of_its_pages_were_not_read(ingest, settings: Settings) -> None:
    words, image = line("The office is open from nine to five."), scanned(*LINES)
    most, few = await ingest(
        ("most.pdf", pages_of([words, WHOLE, WHOLE], image)), ("few.pdf", pages_of([words, words, WHOLE], image))
    )
    rules = [finding["rule"] for finding in few["findings"]]
    if settings.ocr_languages == "off":
        assert (end_of(most), end_of(few), rules) == ("mostly_scanned", "published", ["scanned_pages"])
        assert most["quarantine"]["detail"].startswith("2 pages that are pictures without text were not read, of 3")
    else:
        assert (end_of(most), end_of(few), rules) == ("published", "published", ["recognised_text"])


@needs_tesseract
def test_a_language_that_is_not_installed_stops_the_start(settings: Settings) -> None:
    with pytest.raises(StartRefused, match=r"names eng\+xyz, and there are only .*eng"):
        check(settings.model_copy(update={"root": ROOT, "ocr_languages": "eng+xyz"}))


@needs_tesseract
async def test_a_file_published_without_scanned_pages_is_read_again_once_they_can_be(
    ingest, send, state: State, settings: Settings
) -> None:
    words, image = line("The office is open from nine to five."), scanned(*LINES)
    file = ("later.pdf", pages_of([words, words, WHOLE], image))
    if settings.ocr_languages != "off":
        pytest.skip("begins without text recognition")
    (without,) = await ingest(file)
    assert [finding["rule"] for finding in without["findings"]] == ["scanned_pages"]
    assert [each["duplicate_of"] for each in await send(file)] == [without["id"]]
    pool = state.ingestion.deps.parser
    assert isinstance(pool, ParserPool)
    await install_recognition(pool, "eng")
    (read,) = await ingest(file)
    assert (read["id"], read["version"]) == (without["id"], 2)
    assert [finding["rule"] for finding in read["findings"]] == ["recognised_text"]
    assert [each["duplicate_of"] for each in await send(file)] == [without["id"]]
    await install_recognition(pool, "off")


@needs_tesseract
async def test_what_is_read_again_is_no_new_duplicate_of_another_document(
    state: State, principal: Principal, settings: Settings
) -> None:
    if settings.ocr_languages != "off":
        pytest.skip("begins without text recognition")
    words, image = line("The office is open from nine to five."), scanned(*LINES)
    data = pages_of([words, words, WHOLE], image)
    for name in ("one.pdf", "other.pdf"):
        await sources.ingest(sources.ingestion_with(state), principal, name, data)
    pool = state.ingestion.deps.parser
    assert isinstance(pool, ParserPool)
    await install_recognition(pool, "eng")
    strict = sources.ingestion_with(state, duplicates={"exact": "quarantine"})
    again = await sources.ingest(strict, principal, "one.pdf", data)
    assert (again.status, again.version) == ("published", 2)
    await install_recognition(pool, "off")


async def install_recognition(pool: ParserPool, languages: str) -> None:
    """As in a service that is started anew with this setting."""
    await pool.close()
    for each in (pool, *pool._children):
        each.ocr_languages = languages
