"""The service in real processes with its own database server, over loopback HTTP."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest

from benchmarks.processes import free_port
from tests.conftest import ROOT, TESTED
from tests.forks import PATIENCE, Forks

OWN_PROCESS = (sys.executable, "-m", "app")
RUN = f"""
import sys, app.cli.run
sys.modules["app.cli.run"].READY_SECONDS = {PATIENCE}
from app.__main__ import main
main()
"""
"""`app`, that waits longer for a slow machine than people would."""


def environment(data: Path, **variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APP_") and name != "DATABASE_URL"}
    return (
        kept
        | {
            "APP_DATA_DIR": str(data),
            "APP_ROOT": str(TESTED),
            "APP_WORKER_METRICS_PORT": "0",  # several services run on this machine at a time
            "COLUMNS": "200",
        }
        | variables
    )


def app(
    data: Path, *arguments: str, command: Sequence[str] = OWN_PROCESS, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run one command of the service to its end."""
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=environment(data, **variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


App = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def forked_app(forks: Forks) -> App:
    """`app`, in a fork of a process that has imported the service: for commands whose start is not what is tested."""
    return partial(app, command=forks.command("app"))


@dataclass
class Running:
    """A process of `app run` and its output so far."""

    process: subprocess.Popen[str]
    base: str
    data: Path
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    def follow(self) -> None:
        assert self.process.stdout
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line)

    @property
    def printed(self) -> str:
        return "".join(self.lines)

    @property
    def key(self) -> str:
        return re.findall(r"sk_[a-z0-9]{12}_[a-z2-7]{32}", self.printed)[0]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.base, headers={"Authorization": f"Bearer {self.key}"}, timeout=PATIENCE)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        assert self.reader
        self.reader.join(PATIENCE)
        return code


@contextmanager
def serving(data: Path, **variables: str) -> Iterator[str]:
    """Run `app serve` with this environment; yields its address once it is alive."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"],
        cwd=ROOT,
        env=environment(data, APP_PORT=str(port), **variables),
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        while not _alive(base):
            assert process.poll() is None
            time.sleep(0.05)
        yield base
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def _alive(base: str) -> bool:
    try:
        return httpx.get(f"{base}/health/live", timeout=PATIENCE).status_code == 200
    except httpx.TransportError:
        return False


def start(data: Path, command: Sequence[str] = (sys.executable, "-u", "-c", RUN), **variables: str) -> Running:
    """Start `app run`, and wait until it reports that it is ready."""
    port = free_port()
    process = subprocess.Popen(
        [*command, "run"],
        cwd=ROOT,
        env=environment(data, APP_PORT=str(port), **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Running(process, f"http://127.0.0.1:{port}", data)
    running.reader = threading.Thread(target=running.follow, daemon=True)
    running.reader.start()
    while "Development key" not in running.printed:
        assert process.poll() is None, running.printed
        time.sleep(0.05)
    return running


Start = Callable[..., Running]


@pytest.fixture(scope="session")
def forked_start(forks: Forks) -> Start:
    """`start`, with forks for `app run` and the processes that it starts."""
    return partial(start, command=forks.command("app"))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, forked_start: Start) -> Iterator[Running]:
    """One `app run`, shared by all tests of this folder that do not disturb it."""
    running = forked_start(tmp_path_factory.mktemp("service"))
    yield running
    if running.process.poll() is None:
        running.stop()


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[str]:
    """The address of Prometheus with this configuration."""
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    listening = free_port()
    options = (f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{listening}")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder / 'prometheus.yml'}", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{listening}"
    finally:
        process.terminate()
        process.wait(60)
