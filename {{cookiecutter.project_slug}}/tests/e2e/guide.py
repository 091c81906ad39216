"""Runs the shell blocks of a page of docs/ in order, as a reader would."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.processes import free_port
from tests.forks import Forks

BLOCK = re.compile(
    r"(?:^(?P<indent> *)<!-- not run: (?P<reason>[^\n]+?) -->\n)?^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.M | re.S,
)
SERVER = re.compile(r"^(make run|(?:\.venv/bin/)?python -m app\.adapters\.chat\.standin --port \d+)$")
PATIENCE = 300
PRELUDE = """set -euo pipefail
curl() { command curl --fail-with-body --noproxy '*' "$@"; }
make() {
  case "$1" in
    run|demo) python -m app "$1";;
    sbom) python -m scripts.sbom --out sbom.cdx.json;;
    *) command make "$@";;
  esac
}
"""
"""A refused request fails the block. `make` would look after the environment first, which is there."""
BIN = Path(".venv", "bin")
EXPORTED = "^declare -(x|-) [A-Z_]+="
OF_THE_SHELL = " (PWD|OLDPWD|SHLVL|PATH|BASH[A-Z_]*|FUNCNAME|GROUPS|DIRSTACK|PIPESTATUS)="


@dataclass(frozen=True)
class Block:
    """A code block of a page. not_run: the reason that the page gives for not running it."""

    language: str
    text: str
    not_run: str | None

    @property
    def is_shell(self) -> bool:
        return self.language in ("", "sh", "bash", "console", "shell")


def blocks(page: Path) -> Iterator[Block]:
    for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield Block(found["language"], found["text"], found["reason"])


@dataclass
class Reader:
    """A copy of the service with a terminal for each server and one for all other commands.

    folder: the folder of the service, whose files the commands may change. Ports in pages are replaced by free ones.
    forks: runs `app`.
    """

    folder: Path
    forks: Forks
    api: int = field(default_factory=free_port)
    model: int = field(default_factory=free_port)
    servers: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        command = self.folder / BIN / "app"
        command.parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nexec {shlex.join(self.forks.command("app"))} "$@"\n')
        command.chmod(0o755)
        command.with_name("python").symlink_to(self.forks.python)
        command.with_name("activate").touch()  # its commands are on the PATH already

    def read(self, page: Path, *before: str) -> list[str]:
        """Run the blocks of `page` after the commands `before`; returns the failures with their output."""
        terminal = self.folder / ".terminal"
        terminal.unlink(missing_ok=True)
        failed = []
        for text in [*before, *(block.text for block in blocks(page) if block.is_shell and block.not_run is None)]:
            *lines, last = text.rstrip("\n").split("\n")
            server = bool(SERVER.match(last))
            done = self._run("\n".join(lines if server else [*lines, last]), terminal)
            if done.returncode:
                failed.append(f"{page.name}: ended with {done.returncode}\n{text}\n{done.stdout}")
            if server:
                self._serve(last)
        return failed

    def _run(self, text: str, terminal: Path) -> "subprocess.CompletedProcess[str]":
        """Run a block. Its exported variables are set in the next block."""
        script = "\n".join(
            (
                PRELUDE,
                f"[ ! -e {terminal} ] || . {terminal}",
                self._on_free_ports(text),
                f"declare -p | grep -E '{EXPORTED}' | grep -vE '{OF_THE_SHELL}' > {terminal}",
            )
        )
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def _serve(self, command: str) -> None:
        """Run a server in its own terminal, after stopping an earlier one."""
        name, port = ("api", self.api) if command == "make run" else ("model", self.model)
        self._stop(name)
        with (self.folder / f".{name}.log").open("wb") as log:
            script = f"{PRELUDE}{self._on_free_ports(command).replace('make run', 'exec python -m app run')}"
            self.servers[name] = subprocess.Popen(
                ["bash", "-c", script], cwd=self.folder, env=self._environment(), stdout=log, stderr=log
            )
        for _ in range(PATIENCE * 10):
            if _answers(f"http://127.0.0.1:{port}/health/ready"):
                return
            assert self.servers[name].poll() is None, (self.folder / f".{name}.log").read_text()
            time.sleep(0.1)
        raise AssertionError((self.folder / f".{name}.log").read_text())

    def ready(self) -> None:
        """Start the service that most how-to pages expect to be running."""
        if "api" not in self.servers:
            self._serve("make run")

    def _stop(self, name: str) -> None:
        if process := self.servers.pop(name, None):
            process.terminate()
            process.wait(PATIENCE)

    def leave(self) -> None:
        for name in list(self.servers):
            self._stop(name)

    def _on_free_ports(self, text: str) -> str:
        text = re.sub(r"(127\.0\.0\.1:|--port )9000", rf"\g<1>{self.model}", text)
        return text.replace("127.0.0.1:8000", f"127.0.0.1:{self.api}")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE_"))}
        return kept | {
            "PATH": f"{self.folder / BIN}:{Path(sys.executable).parent}:{kept['PATH']}",
            "APP_PORT": str(self.api),
            "APP_WORKER_METRICS_PORT": "0",
            "APP_EMBEDDER": "none",
            "COLUMNS": "200",
        }


def _answers(address: str) -> bool:
    """Whether a server answers; the model server answers /health with an error."""
    try:
        with urlopen(address, timeout=5) as reply:  # noqa: S310, of this machine
            return bool(reply.status == 200)
    except URLError as refused:
        return getattr(refused, "code", 503) == 404
    except OSError:
        return False
