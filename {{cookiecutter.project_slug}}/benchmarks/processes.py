"""Starts processes of the service on free ports."""

import asyncio
import itertools
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from benchmarks.harness import ROOT

PATIENCE = 500
SILENCE = "update procrastinate_workers set last_heartbeat = last_heartbeat - interval '1 hour'"
"""As if every worker had been silent for so long that others take over; for when all of them are dead."""

ANY_PORT = {"APP_WORKER_METRICS_PORT": "0"}
"""Several workers stand side by side here, and nobody asks for their metrics."""


@asynccontextmanager
async def running(
    module: str, *arguments: str, environment: dict[str, str] | None = None
) -> AsyncIterator[tuple[psutil.Process, int]]:
    """Run `python -m module arguments --port N` until the block ends; it listens on N."""
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("APP_")}
    command = [sys.executable, "-m", module, *arguments, "--port", str(port)]
    process = subprocess.Popen(  # noqa: ASYNC220, it is only started
        command,
        env={**inherited, **ANY_PORT, **(environment or {})},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await _listening(port, process)
        yield await asyncio.to_thread(_listener, port, psutil.Process(process.pid)), port
    finally:
        process.terminate()
        # In a thread: the process may send data at its end that this event loop must receive.
        await asyncio.to_thread(process.wait, PATIENCE)


async def _listening(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
    raise RuntimeError(f"{process.args!r} does not listen")


def _listener(port: int, started: psutil.Process) -> psutil.Process:
    """The process that listens on the port: the one that was started, or in tests a fork that it stands for."""
    for each in itertools.chain([started], psutil.process_iter()):
        with suppress(psutil.Error):
            if any(it.status == "LISTEN" and it.laddr.port == port for it in each.net_connections("tcp")):
                return each
    raise RuntimeError(f"nothing listens on port {port}")


class WorkerPool:
    """Workers that are replaced when they are killed."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment | {"APP_LOG_LEVEL": "INFO"}
        self.workers: dict[Path, subprocess.Popen[bytes]] = {}
        self.hired = 0

    def hire(self) -> None:
        self.hired += 1
        log = self.folder / f"worker-{self.hired}.log"
        with log.open("wb") as out:
            command = [sys.executable, "-m", "app", "worker"]
            self.workers[log] = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | ANY_PORT | self.environment, stderr=out, stdout=out
            )

    async def at_work(self) -> list[Path]:
        """The workers that take jobs, once there is at least one."""
        while True:
            ready = [log for log in self.workers if b"worker.started" in log.read_bytes()]
            if ready:
                return ready
            await asyncio.sleep(0.02)

    def kill(self, log: Path) -> None:
        process = self.workers.pop(log)
        process.kill()
        process.wait()


def kill(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Kill a process that listens on the port, which another one can take afterwards."""
    process.kill()
    process.wait()
    until = time.monotonic() + PATIENCE
    while _is_listened_on(port) and time.monotonic() < until:
        time.sleep(0.005)  # in tests it stands for a fork, which ends a moment later


def _is_listened_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A free port below the ephemeral range, so that no outgoing connection takes it meanwhile."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
