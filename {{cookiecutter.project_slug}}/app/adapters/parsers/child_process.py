"""How the pool starts a child: by the event loop, or with pipes in threads on Windows, where the loop that the database
needs starts no processes."""

import asyncio
import subprocess
import sys
from asyncio.subprocess import Process, create_subprocess_exec
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Input:
    """As much of asyncio.StreamWriter as the pool uses. other: the pipe that is closed with it."""

    pipe: IO[bytes]
    thread: ThreadPoolExecutor
    other: IO[bytes]

    def write(self, data: bytes) -> None:
        self.thread.submit(self.pipe.write, data)

    async def drain(self) -> None:
        await _in(self.thread, self.pipe.flush)

    def close(self) -> None:
        self.thread.submit(self.pipe.close)
        self.thread.submit(self.other.close)

    async def wait_closed(self) -> None:
        await _in(self.thread, lambda: None)
        self.thread.shutdown(wait=False)


@dataclass(frozen=True)
class _Output:
    """As much of asyncio.StreamReader as the pool uses."""

    process: "subprocess.Popen[bytes]"
    pipe: IO[bytes]
    thread: ThreadPoolExecutor

    def at_eof(self) -> bool:
        return self.process.poll() is not None

    async def readexactly(self, size: int) -> bytes:
        """Errors: EOFError."""
        data = await _in(self.thread, lambda: self.pipe.read(size))
        if len(data) < size:
            raise EOFError
        return data


class ThreadedProcess:
    """As much of asyncio.subprocess.Process as the pool uses. A read that waits ends when the process is killed."""

    def __init__(self, command: tuple[str, ...], environment: dict[str, str]) -> None:
        self._process = process = subprocess.Popen(  # noqa: S603
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        if process.stdin is None or process.stdout is None:  # never: both are pipes
            raise EOFError
        thread = ThreadPoolExecutor(1)
        self.stdin, self.stdout = (
            _Input(process.stdin, thread, process.stdout),
            _Output(process, process.stdout, thread),
        )
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        self._process.kill()

    async def wait(self) -> int:
        return await asyncio.to_thread(self._process.wait)


async def start_threaded(*command: str, env: dict[str, str], **_: Any) -> ThreadedProcess:
    """As asyncio.subprocess.create_subprocess_exec, with pipes for input and output."""
    return await asyncio.to_thread(ThreadedProcess, command, env)


ChildProcess = Process | ThreadedProcess


def start_process() -> Callable[..., Awaitable[ChildProcess]]:
    """How a child is started on this system."""
    return start_threaded if sys.platform == "win32" else create_subprocess_exec


async def _in(thread: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, call)
