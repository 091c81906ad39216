"""Python modules run as processes that are forked from one that has imported the service.

Importing it takes a second of processor time, and the guides are more than a hundred processes. A fork is a process
like any other: own memory, files, signals and exit status. What starts `app` itself is not forked: `make run`, the
tests of processes, and every command that a guide calls `.venv/bin/app`.

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
from pathlib import Path

LENGTH = struct.Struct("!q")


class Forks:
    """The server of one test process. It ends with its standard input."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "forks"
        command = [sys.executable, "-m", "tests.forks", str(self.address)]
        root = Path(__file__).parent.parent
        environment = os.environ | {"COLUMNS": "200"}
        self.process = subprocess.Popen(
            command, cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == b"ready\n"

    def command(self, module: str) -> list[str]:
        """The words that run `python -m module`, before its arguments."""
        return [sys.executable, "-I", "-S", __file__, str(self.address), module]

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
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
        while True:
            readable, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in readable:
                os._exit(0)
            connection, _ = listening.accept()
            if os.fork() == 0:
                break
            connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, streams, *_ = socket.recv_fds(connection, LENGTH.size, 3)
    with connection.makefile("rb") as stream:
        request = json.loads(stream.read(*LENGTH.unpack(header)))
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        connection.send(LENGTH.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    connection.close()
    for number, given in enumerate(streams):
        os.dup2(given, number)
        os.close(given)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.chdir(request["folder"])
    sys.path.insert(0, request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    return request["module"], request["arguments"]


def call(address: str, module: str, arguments: Sequence[str]) -> int:
    """The exit status of the module in a fork with the streams, folder and environment of this process."""
    request = {
        "module": module,
        "arguments": list(arguments),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
    }
    body = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [LENGTH.pack(len(body))], [0, 1, 2])
        connection.sendall(body)
        return int(LENGTH.unpack(connection.recv(LENGTH.size))[0])


def main() -> None:
    if len(sys.argv) > 2:
        status = call(sys.argv[1], sys.argv[2], sys.argv[3:])
        sys.exit(status if status >= 0 else 128 - status)
    import gc
    import runpy

    gc.disable()  # as `app` does while it imports
    from app.cli.commands import COMMANDS, load

    for name in COMMANDS:
        load(name)
    import benchmarks.harness  # noqa: F401

    gc.freeze()
    gc.enable()
    module, arguments = serve(sys.argv[1])
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
