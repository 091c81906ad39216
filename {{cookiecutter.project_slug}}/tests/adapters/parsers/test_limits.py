"""The limits of a parser count the CPU time of the file, not the load of the machine."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import create_subprocess_exec
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from app.adapters.parsers import pool as pools
from app.adapters.parsers.child_process import start_threaded
from app.adapters.parsers.pool import ParserLimits, ParserPool
from app.ingestion.domain.parsed_document import ParserInterrupted, Unparsable

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="no signals, and no clock of processor time"),
]

COSTLY = b"<div>" * 100_000 + b"x"
GOOD = b"# Lamps\n\nThe lamp is lit at dusk.\n"


class ObservedPool(ParserPool):
    """A pool with one child that tests can send signals to."""

    async def ready(self) -> int:
        """The process id of an idle child."""
        await self.parse(GOOD, "lamps.md")
        return self.pid

    @property
    def pid(self) -> int:
        process = self._children[0].process
        assert process is not None
        return process.pid


@pytest_asyncio.fixture(params=[create_subprocess_exec, start_threaded], ids=["pipes of the loop", "pipes in threads"])
async def pool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ObservedPool]:
    monkeypatch.setattr(pools, "start_process", lambda: request.param)
    pool = ObservedPool(limits=ParserLimits(seconds=0.5, clock_factor=600))
    yield pool
    await pool.close()


@pytest.mark.parametrize("reused", [False, True])
async def test_a_file_that_takes_too_much_cpu_time_is_rejected(pool: ObservedPool, reused: bool) -> None:
    if reused:
        await pool.ready()
    with pytest.raises(Unparsable) as refusal:
        await pool.parse(COSTLY, "deep.html")
    assert refusal.value.code == "parser_timeout"
    assert refusal.value.detail == "Reading the file takes more than 0.5 s of CPU time."
    assert (await pool.parse(GOOD, "lamps.md")).title == "Lamps"


async def test_a_file_is_read_although_its_parser_gets_no_cpu_time_for_a_while(pool: ObservedPool) -> None:
    """The parser is stopped for four times the limit of CPU time."""
    child = await pool.ready()
    os.kill(child, signal.SIGSTOP)
    reading = asyncio.create_task(pool.parse(GOOD, "lamps.md"))
    await asyncio.sleep(4 * pool.limits.seconds)
    assert not reading.done()
    os.kill(child, signal.SIGCONT)
    assert (await reading).title == "Lamps"
    assert pool.pid == child


async def test_the_cpu_time_of_many_files_does_not_add_up(pool: ObservedPool) -> None:
    table = b"name,place\n" + b"lamp,hall\n" * 8_000
    for _ in range(20):
        assert (await pool.parse(table, "table.csv")).kind == "csv"


async def test_a_parser_is_replaced_after_a_number_of_files(pool: ObservedPool) -> None:
    pool._children[0].limits = replace(pool.limits, files=3)
    first = await pool.ready()
    assert await pool.ready() == first
    assert (await pool.parse(GOOD, "lamps.md")).title == "Lamps"
    assert pool._children[0].process is None
    assert await pool.ready() != first


async def test_a_wall_clock_timeout_is_an_interruption_and_no_rejection(pool: ObservedPool) -> None:
    os.kill(await pool.ready(), signal.SIGSTOP)
    pool._children[0].limits = replace(pool.limits, clock_factor=1)
    with pytest.raises(ParserInterrupted, match="was not read within"):
        await pool.parse(GOOD, "lamps.md")
    pool._children[0].limits = pool.limits
    assert (await pool.parse(GOOD, "lamps.md")).title == "Lamps"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_parser_killed_from_outside_rejects_no_file(pool: ObservedPool, number: int) -> None:
    """The out-of-memory killer or a shutdown says nothing about the file."""

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


async def test_a_parser_that_cannot_be_started_rejects_no_file(pool: ObservedPool, monkeypatch) -> None:
    async def out_of_processes(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(pools, "start_process", lambda: out_of_processes)
    with pytest.raises(ParserInterrupted, match="started"):
        await pool.parse(GOOD, "lamps.md")


async def test_a_crash_of_a_reused_parser_is_retried_in_a_new_one(pool: ObservedPool) -> None:
    os.kill(await pool.ready(), signal.SIGSTOP)
    crashing = asyncio.create_task(pool.parse(GOOD, "lamps.md"))
    await asyncio.sleep(0)
    os.kill(pool.pid, signal.SIGSEGV)
    os.kill(pool.pid, signal.SIGCONT)
    # The first child was reused, so that its crash may be due to an earlier file.
    assert (await crashing).title == "Lamps"
