import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import app
from app.adapters.parsers.child_process import ChildProcess, start_process
from app.adapters.parsers.child_protocol import REPLY, REQUEST, decoded
from app.adapters.parsers.ocr import OCR_LANGUAGES, tesseract
from app.adapters.parsers.plain import parse_text, titled
from app.adapters.parsers.sniffing import is_plain_page, may_be_scanned
from app.core.telemetry import counter
from app.core.text import clean
from app.ingestion.domain.parsed_document import ParsedDocument, ParserInterrupted, Unparsable

_ended = counter("app_parser_processes_total", "Parser processes that ended, by reason.", ["why"])


def _numbers(*names: str) -> frozenset[int]:
    """The numbers of those signals that exist on this system."""
    return frozenset(int(getattr(signal, name)) for name in names if hasattr(signal, name))


_ROOT = str(Path(app.__file__).resolve().parent.parent)
_START = f"import sys; sys.path.insert(0, {_ROOT!r}); from app.adapters.parsers.child import main; main()"
_ENVIRONMENT = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL", "TMPDIR", "TEMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_FREE_BYTES = 500_000
_LARGEST_REPLY = 512_000_000
_START_SECONDS = 120.0
_CPU_TIME_SIGNALS = _numbers("SIGPROF", "SIGXCPU")
_CRASHES = _numbers("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGSYS", "SIGTRAP")


@dataclass(frozen=True, slots=True)
class ParserLimits:
    """Limits per file. Large files get more time, because a PDF of 300 pages needs it.

    seconds, seconds_per_megabyte, max_seconds: of CPU time, so that no file is rejected because the machine is busy.
    recognition_seconds: more for a file that may be scanned, where text recognition is installed.
    clock_factor: the limit of wall-clock time as a multiple of that; a file that exceeds it is retried.
    """

    seconds: float = 4.0
    seconds_per_megabyte: float = 4.0
    max_seconds: float = 60.0
    recognition_seconds: float = 20.0
    memory_bytes: int = 176_000_000
    files: int = 500
    clock_factor: float = 15.0

    def time_for(self, size: int, *, recognised: bool) -> float:
        extra = max(0, size - _FREE_BYTES) / 1e6 * self.seconds_per_megabyte
        return min(self.max_seconds, self.seconds + extra) + (self.recognition_seconds if recognised else 0)


class ParserPool:
    """A `Parser` in child processes. Each is reused for a number of files, and replaced when it grew or was killed.

    Only a page of plain text is parsed in this process: it is harmless, and the transfer would cost more than parsing.
    formats: the modules with formats of the team's own.
    """

    def __init__(
        self,
        processes: int = 1,
        limits: ParserLimits = ParserLimits(),
        *,
        formats: Sequence[str] = (),
        ocr_languages: str = "",
    ) -> None:
        """ocr_languages: as the setting."""
        self.limits = limits
        self.ocr_languages = ocr_languages
        self._children = [_Child(limits, formats, ocr_languages) for _ in range(processes)]
        self._free: asyncio.LifoQueue[_Child] | None = None

    async def parse(self, data: bytes, name: str, *, repair: bool = False) -> ParsedDocument:
        if is_plain_page(data, name):
            return titled(parse_text(data, repair=repair), name)
        free = self._queue()
        child = await free.get()
        try:
            return await child.parse(data, name, repair)
        finally:
            free.put_nowait(child)

    def recognised_languages(self) -> Sequence[str]:
        program = tesseract(self.ocr_languages)
        return program.languages if program else ()

    async def close(self) -> None:
        for child in self._children:
            await child.stop("closed")

    def _queue(self) -> "asyncio.LifoQueue[_Child]":
        if self._free is None:
            self._free = asyncio.LifoQueue()
            for child in self._children:
                self._free.put_nowait(child)
        return self._free


class _Child:
    def __init__(self, limits: ParserLimits, formats: Sequence[str], ocr_languages: str) -> None:
        self.limits = limits
        self.formats = formats
        self.ocr_languages = ocr_languages
        self.process: ChildProcess | None = None
        self.done = 0

    async def parse(self, data: bytes, name: str, repair: bool) -> ParsedDocument:
        reused = self.done > 0
        try:
            reply = await self._request(data, name, repair)
        except (EOFError, OSError):
            failure = await self._failure(self._time_for(data, name))
            # An earlier file may have killed it: only in a fresh process is this file the cause.
            if not reused or (isinstance(failure, Unparsable) and failure.code == "parser_timeout"):
                raise failure from None
            return await self.parse(data, name, repair)
        self.done += 1
        if reply.pop("tired") or self.done >= self.limits.files:
            await self.stop("old")
        if "code" in reply:
            raise Unparsable(reply["code"], clean(reply["detail"]))
        return decoded(reply)

    async def _request(self, data: bytes, name: str, repair: bool) -> dict[str, Any]:
        seconds = self._time_for(data, name)
        process = await self._ready()
        header = json.dumps({"name": name[-255:], "repair": repair, "seconds": seconds}).encode()
        clock = seconds * self.limits.clock_factor
        try:
            async with asyncio.timeout(clock):
                return await _exchange(process, REQUEST.pack(len(header), len(data)) + header, data)
        except TimeoutError as error:
            await self.stop("timeout")
            raise ParserInterrupted(f"The file was not read within {clock:.3g} s.") from error
        except (EOFError, OSError):
            raise
        except BaseException:
            await self.stop("cancelled")
            raise

    def _time_for(self, data: bytes, name: str) -> float:
        recognised = may_be_scanned(name) and tesseract(self.ocr_languages) is not None
        return self.limits.time_for(len(data), recognised=recognised)

    async def _ready(self) -> ChildProcess:
        if self.process is None or self.process.returncode is not None or _has_ended(self.process):
            await self.stop("done")
            try:
                self.process = await self._started()
            except (TimeoutError, EOFError, OSError) as error:
                await self.stop("not started")
                raise ParserInterrupted("No process could be started to read the file.") from error
        return self.process

    async def _started(self) -> ChildProcess:
        """Start a child and wait until it is ready, so that a file's time-out does not include the start."""
        process = await start_process()(
            sys.executable,
            "-I",
            "-c",
            _START,
            str(self.limits.memory_bytes),
            *self.formats,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={key: os.environ[key] for key in _ENVIRONMENT if key in os.environ}
            | {OCR_LANGUAGES: self.ocr_languages},
        )
        self.process = process
        try:
            async with asyncio.timeout(_START_SECONDS):
                if process.stdout is None or REPLY.unpack(await process.stdout.readexactly(REPLY.size)) != (0,):
                    raise EOFError
        except (TimeoutError, EOFError, OSError):
            raise
        except BaseException:
            await self.stop("cancelled")
            raise
        return process

    async def _failure(self, seconds: float) -> Exception:
        """Why a child died: Unparsable if because of the file, ParserInterrupted if it was killed from outside."""
        process = self.process
        code = await process.wait() if process else 0
        await self.stop("died")
        if -code in _CPU_TIME_SIGNALS:
            return Unparsable("parser_timeout", f"Reading the file takes more than {seconds:.3g} s of CPU time.")
        if code < 0 and -code not in _CRASHES:
            return ParserInterrupted(f"The parser was ended from outside by signal {-code}.")
        return Unparsable("parser_crashed", "Reading the file crashed the parser.")

    async def stop(self, why: str) -> None:
        process, self.process, self.done = self.process, None, 0
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with suppress(OSError):
                await process.stdin.wait_closed()
        _ended.labels(why).inc()


def _has_ended(process: ChildProcess) -> bool:
    return process.stdout is None or process.stdout.at_eof()


async def _exchange(process: ChildProcess, header: bytes, data: bytes) -> dict[str, Any]:
    if process.stdin is None or process.stdout is None:
        raise EOFError
    process.stdin.write(header)
    process.stdin.write(data)
    await process.stdin.drain()
    (length,) = REPLY.unpack(await process.stdout.readexactly(REPLY.size))
    if length > _LARGEST_REPLY:
        raise EOFError
    reply: dict[str, Any] = json.loads(await process.stdout.readexactly(length))
    return reply
