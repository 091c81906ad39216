"""Compares the ingestion of plain files with that of another tree of code: the same files, in turns, in one run."""

import asyncio
import json
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import ROOT
from benchmarks.plain_files import FORMATS, plain_file

_DRIVER = Path(__file__).with_name("ingest_driver.py")
_SIZE, _FILES = 500_000, 8
_MEASURES = ("parser_cpu_s", "whole_cpu_s", "whole_wall_s")

Result = dict[str, float]


async def compare(other: Path, short: bool) -> dict[str, Any]:
    """Throughput of this tree by that of the other, for each format, as the median over the pairs."""
    with tempfile.TemporaryDirectory() as folder:
        async with _tree(ROOT, Path(folder) / "own") as own, _tree(other, Path(folder) / "other") as theirs:
            formats = {}
            for place, kind in enumerate(FORMATS):
                pairs = []
                for number in range(1 if short else _FILES):
                    path = Path(folder) / f"file-{number}.{kind}"
                    path.write_bytes(plain_file(kind, _SIZE, 100 * place + number))
                    pairs.append(await _pair(own, theirs, path, number))
                formats[kind] = _figures(pairs)
                print(kind, formats[kind], flush=True)
    return {"file_characters": _SIZE, "files_of_each_format": len(pairs), "formats": formats}


async def _pair(own: Process, theirs: Process, path: Path, number: int) -> tuple[Result, Result]:
    """Each of the two is the first one in half of the pairs."""
    if number % 2:
        second = await _asked(theirs, path)
        return await _asked(own, path), second
    return await _asked(own, path), await _asked(theirs, path)


def _figures(pairs: Sequence[tuple[Result, Result]]) -> Result:
    figures = {f"{name[:-2]}_ratio": round(median(b[name] / a[name] for a, b in pairs), 2) for name in _MEASURES}
    megabytes = _SIZE / 1e6
    for name, side in (("", 0), ("other_", 1)):
        speed = megabytes / median(pair[side]["parser_cpu_s"] for pair in pairs)
        figures[f"{name}parser_mb_per_cpu_second"] = round(speed, 1)
    return figures | {"quarantined": max(pair[side]["quarantined"] for pair in pairs for side in (0, 1))}


@asynccontextmanager
async def _tree(root: Path, data: Path) -> AsyncIterator[Process]:
    """A process that ingests with the code of this folder, and with the packages of this one's interpreter."""
    environment = {**os.environ, "PYTHONPATH": str(root), "APP_DATA_DIR": str(data)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(_DRIVER)), cwd=root, env=environment, stdin=PIPE, stdout=PIPE
    )
    try:
        await _answer(process)
        yield process
    finally:
        if process.stdin:
            process.stdin.close()
        await process.wait()


async def _asked(process: Process, path: Path) -> Result:
    if process.stdin is None:
        raise RuntimeError("the driver has no input")
    process.stdin.write(f"{path}\n".encode())
    await process.stdin.drain()
    return await _answer(process)


async def _answer(process: Process) -> Result:
    """Errors: RuntimeError, where the process ended."""
    line = await process.stdout.readline() if process.stdout else b""
    if not line:
        raise RuntimeError("the driver ended")
    answer: Result = json.loads(line)
    return answer
