"""The limits of a parser count what the file costs, never what else the machine does meanwhile."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from app.adapters.parsers import pool as pools
from app.adapters.parsers.pool import ParserLimits, ParserPool
from app.ingestion.domain.parsed_document import ParserInterrupted, Unparsable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signals, and no clock of processor time")

COSTLY = b"<div>" * 100_000 + b"x"
HONEST = b"# Lamps\n\nThe lamp is lit at dusk.\n"


class Watched(ParserPool):
    """One child that can be stopped, as a busy machine would, and sent other signals."""

    async def ready(self) -> int:
        """The process number of a child that waits for a file."""
        await self.parse(HONEST, "lamps.md")
        return self.pid

    @property
    def pid(self) -> int:
        process = self._children[0].process
        assert process is not None
        return process.pid


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[Watched]:
    pool = Watched(limits=ParserLimits(seconds=0.5, clock_factor=600))
    yield pool
    await pool.close()


@pytest.mark.parametrize("reused", [False, True])
async def test_a_file_that_takes_too_much_processor_time_is_refused(pool: Watched, reused: bool) -> None:
    if reused:
        await pool.ready()
    with pytest.raises(Unparsable) as refusal:
        await pool.parse(COSTLY, "deep.html")
    assert refusal.value.code == "parser_timeout"
    assert refusal.value.detail == "Reading the file takes more than 0.5 s of processor time."
    assert (await pool.parse(HONEST, "lamps.md")).title == "Lamps"


async def test_a_file_is_read_however_long_the_machine_lets_its_reader_wait(pool: Watched) -> None:
    """Four times the processor time of the limit pass on the clock while the reader gets none."""
    child = await pool.ready()
    os.kill(child, signal.SIGSTOP)
    reading = asyncio.create_task(pool.parse(HONEST, "lamps.md"))
    await asyncio.sleep(4 * pool.limits.seconds)
    assert not reading.done()
    os.kill(child, signal.SIGCONT)
    assert (await reading).title == "Lamps"
    assert pool.pid == child


async def test_many_files_do_not_add_up_to_one_that_is_refused(pool: Watched) -> None:
    table = b"name,place\n" + b"lamp,hall\n" * 8_000
    for _ in range(20):
        assert (await pool.parse(table, "table.csv")).kind == "csv"


async def test_what_the_clock_ends_is_an_interruption_and_no_refusal(pool: Watched) -> None:
    pool._children[0].limits = replace(pool.limits, clock_factor=1)
    os.kill(await pool.ready(), signal.SIGSTOP)
    with pytest.raises(ParserInterrupted, match="on the clock"):
        await pool.parse(HONEST, "lamps.md")
    assert (await pool.parse(HONEST, "lamps.md")).title == "Lamps"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_reader_that_is_ended_from_outside_refuses_no_file(pool: Watched, number: int) -> None:
    """Whoever is short of memory, or stops the machine, does not judge files."""

    async def end_each_child() -> None:
        while True:
            process = pool._children[0].process
            if process is not None and process.returncode is None:
                os.kill(process.pid, number)
            await asyncio.sleep(0.02)

    ending = asyncio.create_task(end_each_child())
    with pytest.raises(ParserInterrupted):
        await pool.parse(COSTLY, "deep.html")
    ending.cancel()


async def test_a_parser_that_cannot_be_started_refuses_no_file(pool: Watched, monkeypatch) -> None:
    async def out_of_processes(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(pools, "create_subprocess_exec", out_of_processes)
    with pytest.raises(ParserInterrupted, match="started"):
        await pool.parse(HONEST, "lamps.md")


async def test_a_reader_that_crashes_refuses_the_file(pool: Watched) -> None:
    os.kill(await pool.ready(), signal.SIGSTOP)
    crashing = asyncio.create_task(pool.parse(HONEST, "lamps.md"))
    await asyncio.sleep(0)
    os.kill(pool.pid, signal.SIGSEGV)
    os.kill(pool.pid, signal.SIGCONT)
    # The first child was used before, and so is not believed; the second one reads the file.
    assert (await crashing).title == "Lamps"
