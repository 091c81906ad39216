"""Every hostile file is rejected within its CPU time and 256 MB, and the file after it is read."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from app.adapters.parsers.pool import ParserPool
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from tests.adapters.parsers.bombs import BOMBS
from tests.samples import total

pytestmark = pytest.mark.slow

FILES = Path(__file__).parents[2] / "data" / "hostile-files"
GOOD = "Refunds are paid within 14 days."

REJECTED = {
    "billion_laughs.xml": "xml_entities",
    "empty.pdf": "empty_file",
    "empty.txt": "empty_file",
    "invalid_utf8.txt": "encoding_damage",
    "not_a_pdf.pdf": "wrong_type",
    "truncated.pdf": "truncated",
    "xxe_file.docx": "external_entity",
    "zip_bomb_50mb.docx": "archive_bomb",
    "zip_slip.zip": "archive_unsafe_path",
}
REPAIRED = {
    "csv_formula.csv": ("formula_cells", "name: alice; note: '=HYPERLINK"),
    "nul_bytes.txt": ("nul_bytes", "hello world"),
    "utf16_bom.txt": ("not_utf8", "Grüße aus Köln"),
    "injected_hidden.html": ("hidden_text", "Quarterly report: revenue grew 4 percent."),
    "injected_white_text.pdf": ("hidden_text", "Quarterly report: revenue grew 4 percent."),
    "injected_zero_width.txt": ("tag_characters", "Quarterly report: revenue grew 4 percent."),
}


@pytest_asyncio.fixture(scope="module")
async def pool() -> AsyncIterator[ParserPool]:
    pool = ParserPool()
    yield pool
    await pool.close()


async def read(pool: ParserPool, name: str) -> ParsedDocument:
    return await pool.parse((FILES / name).read_bytes(), name)


@pytest.mark.parametrize("name", ["ok_plain.txt", "ok_simple.docx", "ok_simple.pdf"])
async def test_a_good_file_is_read(pool: ParserPool, name: str) -> None:
    document = await read(pool, name)
    assert document.text.strip() == GOOD
    assert document.findings == ()


async def test_only_a_page_of_plain_text_is_parsed_in_the_same_process() -> None:
    pool = ParserPool()
    try:
        assert (await read(pool, "ok_plain.txt")).text.strip() == GOOD
        assert pool._children[0].process is None
        for data, name in (
            (b"<Lamps> and lamps", "markup.txt"),
            (b"Lamps \0 and more lamps", "binary.txt"),
            (b"Lamps. " * 2000, "long.txt"),
            (b"# Lamps", "lamps.md"),
        ):
            await pool.parse(data, name)
            assert pool._children[0].done == 1, name
            before = total("app_parser_processes_total")
            await pool.close()
            assert total("app_parser_processes_total") == before + 1, name
    finally:
        await pool.close()


@pytest.mark.parametrize(("name", "code"), REJECTED.items())
async def test_a_broken_or_malicious_file_is_rejected_with_its_code(pool: ParserPool, name: str, code: str) -> None:
    with pytest.raises(Unparsable) as refusal:
        await read(pool, name)
    assert refusal.value.code == code
    assert (await read(pool, "ok_simple.docx")).text.strip() == GOOD


@pytest.mark.parametrize(("name", "expected"), REPAIRED.items())
async def test_a_repaired_file_reports_the_repair(pool: ParserPool, name: str, expected: tuple[str, str]) -> None:
    document = await read(pool, name)
    rule, text = expected
    assert rule in {finding.rule for finding in document.findings}
    assert text in document.text
    assert "SYSTEM NOTE" not in document.text


def test_every_hostile_file_has_a_test() -> None:
    tested = {*REJECTED, *REPAIRED, "ok_plain.txt", "ok_simple.docx", "ok_simple.pdf"}
    named_for_its_name = {"path_in_name__..%2F..%2Fetc%2Fpasswd.txt"}
    assert {path.name for path in FILES.iterdir()} == tested | named_for_its_name


@pytest.mark.parametrize(("name", "make", "codes"), BOMBS, ids=[bomb[0] for bomb in BOMBS])
async def test_a_bomb_is_rejected_within_its_limits(pool: ParserPool, name: str, make: object, codes: set[str]) -> None:
    data = make()  # type: ignore[operator]
    with pytest.raises(Unparsable) as refusal:
        await pool.parse(data, name)
    assert refusal.value.code in codes
    assert (await read(pool, "ok_simple.docx")).text.strip() == GOOD


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux caps the memory of a process")
async def test_a_parser_that_takes_too_much_memory_is_stopped_below_256_mb(pool: ParserPool) -> None:
    """9 million short cells are within the upload limit but not within the memory of a parser."""
    peak = 0

    async def watch() -> None:
        nonlocal peak
        while True:
            process = pool._children[0].process
            if process is not None and process.returncode is None:
                with contextlib.suppress(psutil.Error):
                    peak = max(peak, psutil.Process(process.pid).memory_info().rss)
            await asyncio.sleep(0.01)

    watching = asyncio.ensure_future(watch())
    with pytest.raises(Unparsable) as refusal:
        await pool.parse(b"[" + b"1," * 9_000_000 + b"1]", "numbers.jsonl")
    watching.cancel()
    assert refusal.value.code in {"parser_memory", "parser_timeout"}
    assert 0 < peak < 256_000_000
    assert (await read(pool, "ok_simple.docx")).text.strip() == GOOD
